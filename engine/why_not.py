"""Why files wait: what keeps each site from each storage, what that costs, and which single change helps most."""

from engine import viewing, why_not_answers
from engine.errors import NotFound
from justin.schemas.explanations import (
    AvoidedNodeView,
    Change,
    EndedUnstarted,
    Explanation,
    FilterCount,
    PlaceVerdict,
    PoolVerdict,
    StageExplanation,
)
from justin.schemas.views import FileView
from justin.states import ACTIVE_JOB_STATES, JobState
from models import filters, nodes
from models.database import Session
from models.queries import files, places, stages, why_not
from models.queries.files import FileFilter
from models.queries.stages import StageRow
from models.queries.why_not import Pair, Waiting

MOST_CHANGES = 10
FARTHEST = 100
"""The greatest distance that a stage can ask for."""

_ORDER = {one.name: place for place, one in enumerate(filters.ALL)}
_OPEN = len(filters.ALL)


def explain(
    session: Session,
    workflow_id: int,
    *,
    stage_number: int | None = None,
    site: str | None = None,
    did: str | None = None,
) -> Explanation:
    """Say why the files of a workflow's stages wait, at all sites or one, all files or one; raises `NotFound`."""
    workflow = viewing.require_workflow(session, workflow_id)
    if site is not None and site not in {known.name for known in places.list_sites(session)}:
        raise NotFound(f"There is no site {site}.")
    file = None if did is None else _input(session, FileFilter(workflow_id, stage_number, did=did))
    number = file.stage_id if file else stage_number
    rows = [row for row in stages.list_stages(session, workflow_id) if number in {None, row.stage_number}]
    if number is not None and not rows:
        raise NotFound(f"The workflow {workflow_id} has no stage {number}.")
    explained = [_stage(session, row, site, file) for row in rows]
    avoided = [AvoidedNodeView.model_validate(node) for node in nodes.avoided_nodes(session, site)]
    return Explanation(
        workflow_id=workflow_id,
        site=site,
        file=file,
        stages=explained,
        avoided_nodes=avoided,
        warnings=workflow.warnings,
    )


def _input(session: Session, wanted: FileFilter) -> FileView:
    for found in files.list_files(session, wanted, limit=1):
        if found.stage_id is not None:
            return found
    raise NotFound(f"{wanted.did} is no input of the workflow {wanted.workflow_id}.")


def _stage(session: Session, row: StageRow, site: str | None, file: FileView | None) -> StageExplanation:
    waiting = why_not.waiting(session, row.stage_id, file.did if file else None)
    lying = {storage_id for group in waiting for storage_id in group.storage_ids}
    pairs = [pair for pair in why_not.pairs(session, row.stage_id, site) if pair.storage_id in lying]
    explanation = StageExplanation(
        stage_id=row.stage_number,
        answer="",
        files=row.files,
        waiting_files=sum(group.files for group in waiting),
        open_files=sum(group.files for group in waiting if best(pairs, group) == _OPEN),
        changes=changes(pairs, waiting)[:MOST_CHANGES],
        removed=removed(pairs, waiting),
        places=verdicts(pairs, waiting),
        pool=_pool(session, row),
    )
    return explanation.model_copy(update={"answer": why_not_answers.stage(explanation, file)})


def best(pairs: list[Pair], group: Waiting) -> int:
    """Return how many filters files pass at the place where they pass most; -1 without any place."""
    return max((_passed(pair) for pair in pairs if pair.storage_id in group.storage_ids), default=-1)


def verdicts(pairs: list[Pair], waiting: list[Waiting]) -> list[PlaceVerdict]:
    """Say of each place what excludes it, those with most files first."""
    lying = {
        storage_id: sum(group.files for group in waiting if storage_id in group.storage_ids)
        for storage_id in {pair.storage_id for pair in pairs}
    }
    found = [_verdict(pair, lying[pair.storage_id]) for pair in pairs]
    return sorted(found, key=lambda one: (-one.files, one.rse, len(one.unmet), one.site))


def removed(pairs: list[Pair], waiting: list[Waiting]) -> list[FilterCount]:
    """Say what each filter takes away of the places and the files that those before it left."""
    groups = [(best(pairs, group), group.files) for group in waiting]
    counts = [
        FilterCount(
            filter=one.name,
            why=one.sentence,
            places=sum(_passed(pair) == place for pair in pairs),
            files=sum(count for passed, count in groups if passed == place),
        )
        for place, one in enumerate(filters.ALL)
    ]
    return [one for one in counts if one.places]


def changes(pairs: list[Pair], waiting: list[Waiting]) -> list[Change]:
    """List the single changes that would let jobs have files that they can have nowhere, the most helpful first."""
    freed: dict[tuple[str, str], int] = {}
    for group in waiting:
        if best(pairs, group) == _OPEN:
            continue
        for change in _changes(pairs, group):
            freed[change] = freed.get(change, 0) + group.files
    found = [Change(filter=name, change=change, files=count) for (name, change), count in freed.items()]
    return sorted(found, key=lambda one: (-one.files, _ORDER[one.filter], len(one.change), one.change))


def _changes(pairs: list[Pair], group: Waiting) -> set[tuple[str, str]]:
    """Name the changes each of which opens a place to files: all but one filter are passed there."""
    nearly = [pair for pair in pairs if pair.storage_id in group.storage_ids and len(pair.unmet) == 1]
    # A stage that reaches farther reaches what is nearer too.
    far = sorted({pair.distance or 0 for pair in pairs if _is_too_far(pair)})
    own = [pair.distance or 0 for pair in nearly if _is_too_far(pair)]
    reached = {("in_reach", _remedy("in_reach", distance=step)) for step in far if own and step >= min(own)}
    return reached | {
        (pair.unmet[0], _remedy(pair.unmet[0], site=pair.site, rse=pair.rse))
        for pair in nearly
        if pair.unmet[0] != "in_reach"
    }


def _is_too_far(pair: Pair) -> bool:
    return pair.unmet == ["in_reach"] and pair.distance is not None and pair.distance <= FARTHEST


def _remedy(name: str, **place: object) -> str:
    return filters.ALL[_ORDER[name]].remedy.format(**place)


def _passed(pair: Pair) -> int:
    return _ORDER[pair.unmet[0]] if pair.unmet else _OPEN


def _verdict(pair: Pair, waiting_files: int) -> PlaceVerdict:
    first = pair.unmet[0] if pair.unmet else None
    return PlaceVerdict(
        site=pair.site,
        rse=pair.rse,
        distance=pair.distance,
        files=waiting_files,
        filter=first,
        why=filters.ALL[_ORDER[first]].sentence if first else "",
        unmet=pair.unmet,
    )


def _pool(session: Session, row: StageRow) -> PoolVerdict:
    jobs = why_not.stage_jobs(session, row.stage_id)
    queued = next((one for one in jobs if one.state is JobState.SUBMITTED), None)
    return PoolVerdict(
        queued_jobs=queued.jobs if queued else 0,
        oldest_queued_seconds=queued.seconds if queued else None,
        running_jobs=sum(count for state, count in row.jobs.items() if state in ACTIVE_JOB_STATES),
        ended_unstarted=[
            EndedUnstarted(state=one.state, message=one.message, jobs=one.jobs, last_seconds=one.seconds)
            for one in jobs
            if one is not queued
        ],
        factory=why_not.factory_decision(session, row.stage_id),
    )

"""How two workflows differ: what the database or the archive has of both, and the commits between their code."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from engine import archived, asking, makers, scratch, viewing
from engine.code_ports import LoggedCommit
from engine.errors import EngineError, NotFound
from engine.ports import MetadataCatalog
from engine.runtime import Runtime
from justin import diff
from justin.diff import Told
from justin.schemas.diff import CommitView, RepositoryDiff, StageDiff, WorkflowDiff
from justin.schemas.metadata import WORKFLOW_KEY
from justin.schemas.views import OutputView
from models.queries import outcomes, specs

MOST_JOBS: Final = 10_000
"""Of each stage: the newest of them stand for all."""

# Together less than clients wait for an answer.
CATALOG_SECONDS: Final = 10.0
HISTORY_SECONDS: Final = 35.0

Span = tuple[str, str, str]
"""A repository and two of its commits: what the second has and the first has not."""


def diff_workflows(runtime: Runtime, first_id: int, second_id: int, most_commits: int) -> WorkflowDiff:
    """Compare two workflows, and list of each repository up to so many commits that only one of them has.

    Raises `NotFound`. What MetaCat or a repository's host does not tell is missing, and the answer says why.
    """
    told = [_told(runtime, workflow_id) for workflow_id in (first_id, second_id)]
    told, problems = _with_versions(runtime.metacat, told)
    first, second = told
    found = diff.compare(first, second, MOST_JOBS).model_copy(update={"problems": problems})
    return _with_commits(runtime, found, most_commits) if most_commits else found


def _told(runtime: Runtime, workflow_id: int) -> Told:
    archive = archived.find(runtime, workflow_id)
    if archive:
        return Told(archive.workflow(), archive.spec(), archive.outcomes(MOST_JOBS))
    with runtime.session() as session:
        view = viewing.workflow(session, workflow_id, runtime.settings.instance)
        spec = specs.workflow_spec(session, workflow_id)
        if spec is None:
            raise NotFound(f"There is no workflow {workflow_id}.")
        return Told(view, spec, outcomes.stage_outcomes(session, workflow_id, MOST_JOBS))


def _with_versions(metacat: MetadataCatalog, told: Sequence[Told]) -> tuple[list[Told], list[str]]:
    """Add the versions of this system that datasets of the outputs tell; no dataset, no version."""
    datasets = {each.workflow.workflow_id: dataset for each in told for dataset in _datasets(each)[:1]}
    questions = {workflow_id: partial(_version, metacat, dataset) for workflow_id, dataset in datasets.items()}
    versions, errors = asking.ask(questions, CATALOG_SECONDS)
    problems = [f"The version of justIN that workflow {key} ran with: {error}" for key, error in sorted(errors.items())]
    return [replace(each, justin_version=versions.get(each.workflow.workflow_id, "")) for each in told], problems


def _datasets(told: Told) -> list[str]:
    return [output.dataset for stage in told.workflow.stages for output in stage.outputs if _has_dataset(output)]


def _has_dataset(output: OutputView) -> bool:
    return bool(output.files) and not scratch.is_scratch(output.destination)


def _version(metacat: MetadataCatalog, dataset: str) -> str:
    about = (metacat.dataset_metadata(dataset) or {}).get(WORKFLOW_KEY)
    return makers.read(dataset, about).justin_version if isinstance(about, dict) else ""


def _with_commits(runtime: Runtime, found: WorkflowDiff, most: int) -> WorkflowDiff:
    """Ask the hosts once for each two commits that stages of the workflows differ in, both ways."""
    spans = dict.fromkeys(
        span for stage in found.stages for code in stage.repositories if not code.equal for span in _spans(code)
    )
    questions = {span: partial(runtime.code.log, *span, most + 1) for span in spans}
    logs, errors = asking.ask(questions, HISTORY_SECONDS)
    stages = [_filled(stage, logs, errors, most) for stage in found.stages]
    return found.model_copy(update={"stages": stages})


def _spans(code: RepositoryDiff) -> list[Span]:
    """Name what to ask for: the commits of the second alone, then those of the first alone."""
    if code.first is None or code.second is None or code.first.commit == code.second.commit:
        return []
    first, second = code.first.commit, code.second.commit
    return [(code.repository, first, second), (code.repository, second, first)]


def _filled(
    stage: StageDiff, logs: dict[Span, list[LoggedCommit]], errors: dict[Span, EngineError], most: int
) -> StageDiff:
    return stage.model_copy(
        update={"repositories": [_with_log(code, logs, errors, most) for code in stage.repositories]}
    )


def _with_log(
    code: RepositoryDiff, logs: dict[Span, list[LoggedCommit]], errors: dict[Span, EngineError], most: int
) -> RepositoryDiff:
    spans = _spans(code)
    if not spans:
        return code
    in_second, in_first = ([_shown(commit) for commit in logs.get(span, ())] for span in spans)
    # Both ways usually go wrong for the same reason.
    problems = dict.fromkeys(str(errors[span]) for span in spans if span in errors)
    return code.model_copy(
        update={
            "only_in_first": in_first[:most],
            "only_in_second": in_second[:most],
            "more": max(len(in_first), len(in_second)) > most,
            "problem": " ".join(problems),
        }
    )


def _shown(commit: LoggedCommit) -> CommitView:
    return CommitView(commit=commit.commit, author=commit.author, at=commit.at, subject=commit.subject)

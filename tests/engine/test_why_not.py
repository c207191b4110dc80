"""Why files wait: what takes away how many, and which single change would give most of them back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from engine import why_not, why_not_answers
from engine.errors import NotFound
from engine.runtime import Runtime
from justin.schemas.explanations import Change, EndedUnstarted, FactoryView, PoolVerdict, StageExplanation
from justin.states import FactoryLimit, FileState, JobState, WorkflowState
from models import filters
from models.places import AvoidedNode, Site, Storage
from models.queries import files
from models.queries.files import FileFilter
from models.queries.why_not import Pair, Waiting
from tests.support.makers import key, known_site, make_files, make_job, make_site, make_stage, make_workflow

NAMES = [one.name for one in filters.ALL]


def pair(site: str, storage_id: int, *unmet: str, distance: int | None = 0) -> Pair:
    return Pair(site, storage_id, f"RSE{storage_id}", distance, sorted(unmet, key=NAMES.index))


def told(changes: list[Change]) -> list[tuple[str, int]]:
    return [(one.change, one.files) for one in changes]


def test_a_change_frees_what_lacks_nothing_else() -> None:
    pairs = [
        pair("A", 1, "reading_enabled"),
        pair("A", 2, "reading_enabled", "in_reach", distance=10),
        pair("B", 1, "site_enabled", "reading_enabled"),
        pair("B", 2, "site_enabled"),
        pair("A", 3),
        pair("B", 3, "site_enabled"),
    ]
    waiting = [Waiting([1], 100), Waiting([2], 10), Waiting([1, 2], 1), Waiting([3], 1000)]
    assert told(why_not.changes(pairs, waiting)) == [("enabling reading at RSE1", 101), ("enabling the site B", 11)]


def test_what_lacks_two_things_is_freed_by_no_single_change() -> None:
    assert why_not.changes([pair("A", 1, "site_enabled", "reading_enabled")], [Waiting([1], 5)]) == []


def test_a_larger_distance_frees_what_a_smaller_one_does_too() -> None:
    pairs = [
        pair("A", 1, "in_reach", distance=10),
        pair("A", 2, "in_reach", distance=30),
        pair("B", 2, "in_reach", distance=20),
        pair("A", 3, "in_reach", distance=101),
        pair("A", 4, "in_reach", distance=None),
    ]
    waiting = [Waiting([1], 5), Waiting([2], 3), Waiting([3], 100), Waiting([4], 100)]
    assert told(why_not.changes(pairs, waiting)) == [
        ("a max distance of 20", 8),
        ("a max distance of 30", 8),
        ("a max distance of 10", 5),
    ]


def test_each_file_is_taken_away_once_where_it_came_farthest() -> None:
    pairs = [
        pair("A", 1, "site_enabled"),
        pair("B", 1, "reading_enabled"),
        pair("A", 2, "site_enabled"),
        pair("B", 2, "workflow_running"),
        pair("A", 3),
    ]
    waiting = [Waiting([1], 100), Waiting([2], 10), Waiting([1, 2], 1), Waiting([3], 1000)]
    assert [(one.filter, one.places, one.files) for one in why_not.removed(pairs, waiting)] == [
        ("workflow_running", 1, 0),
        ("site_enabled", 2, 10),
        ("reading_enabled", 1, 101),
    ]


def test_places_with_most_files_come_first() -> None:
    pairs = [pair("A", 1, "site_enabled", "reading_enabled"), pair("B", 1, "in_reach", distance=7), pair("A", 2)]
    found = why_not.verdicts(pairs, [Waiting([1], 5), Waiting([2], 7), Waiting([1, 2], 1)])
    assert [(one.site, one.rse, one.files, one.filter) for one in found] == [
        ("A", "RSE2", 8, None),
        ("B", "RSE1", 6, "in_reach"),
        ("A", "RSE1", 6, "site_enabled"),
    ]
    assert found[1].distance == 7
    assert found[1].why == "the storage is farther than the stage reaches"


def explained(**values: object) -> StageExplanation:
    pool = PoolVerdict(queued_jobs=0, oldest_queued_seconds=None, running_jobs=0, ended_unstarted=[])
    given: dict[str, object] = {"files": {}, "waiting_files": 3200, "open_files": 0, "changes": [], "removed": []}
    return StageExplanation.model_validate(
        {"stage_id": 1, "answer": "", "places": [], "pool": pool, **(given | values)}
    )


READING = Change(filter="reading_enabled", change="enabling reading at CERN", files=2900)


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ({"changes": [READING]}, "3,200 files wait: enabling reading at CERN frees 2,900."),
        (
            {"changes": [READING], "open_files": 200},
            "3,200 files wait, of which jobs may have 200 now; for the others enabling reading at CERN frees 2,900.",
        ),
        ({}, "3,200 files wait: no site is known from which they can be read."),
        ({"waiting_files": 0, "files": {FileState.PROCESSED: 3}}, "No file waits: 3 processed."),
        ({"waiting_files": 0}, "No file waits: none was found."),
        ({"waiting_files": 1, "open_files": 1}, "1 file waits, and jobs may have them now: no job is queued."),
    ],
)
def test_the_answer_is_a_sentence(values: dict[str, object], answer: str) -> None:
    assert why_not_answers.stage(explained(**values)) == answer


def test_the_answer_tells_of_the_pool_when_nothing_else_is_wrong() -> None:
    ended = [
        EndedUnstarted(state=JobState.STALLED, message="The pool holds the job.", jobs=3, last_seconds=60),
        EndedUnstarted(state=JobState.NOTUSED, message="", jobs=1, last_seconds=60),
    ]
    pool = PoolVerdict(queued_jobs=12, oldest_queued_seconds=7300, running_jobs=0, ended_unstarted=ended)
    assert why_not_answers.stage(explained(open_files=3200, pool=pool)) == (
        "3,200 files wait, and jobs may have them now: 12 jobs are queued, the oldest for 2 h;"
        " 4 ended without a start in the last day: The pool holds the job."
    )


@pytest.mark.parametrize(
    ("limited_by", "more"),
    [
        (FactoryLimit.QUOTA, "; no more are submitted: The quota is used up."),
        (FactoryLimit.AS_WANTED, "."),
        (FactoryLimit.NOTHING_WANTED, "."),
    ],
)
def test_the_answer_tells_what_keeps_the_job_factory_from_more(limited_by: FactoryLimit, more: str) -> None:
    factory = FactoryView(
        decided_at=datetime.now(UTC), waiting_files=3200, queued_jobs=0, running_jobs=0, files_per_job=1.0,
        success_rate=1.0, wanted_jobs=3200, submitted_jobs=0, limited_by=limited_by, sentence="The quota is used up.",
        sites=[],
    )  # fmt: skip
    pool = PoolVerdict(queued_jobs=0, oldest_queued_seconds=None, running_jobs=0, ended_unstarted=[], factory=factory)
    answer = why_not_answers.stage(explained(open_files=3200, pool=pool))
    assert answer == f"3,200 files wait, and jobs may have them now: no job is queued{more}"


@pytest.fixture
def workflow_id(runtime: Runtime) -> int:
    """A workflow of two stages, whose files of the first lie near one site, and far from the other."""
    with runtime.session() as session:
        make_site(session, "CH_CERN", distances={"CERN": 0, "FNAL": 100})
        make_site(session, "US_FNAL", distances={"CERN": 100, "FNAL": 0})
        workflow = make_workflow(session)
        first = make_stage(session, workflow)
        make_stage(session, workflow, stage_number=2)
        make_files(session, first, 29, storages=["CERN"])
        make_files(session, first, 3, storages=["FNAL"])
        make_files(session, first, 1, state=FileState.PROCESSED, did="usertests:done")
        make_job(session, hint_stage_id=first.stage_id)
        return key(workflow.workflow_id)


def disable(runtime: Runtime, storage: str) -> None:
    with runtime.session() as session:
        session.exec(select(Storage).where(Storage.name == storage)).one().enabled_read = False


def test_all_stages_are_explained(runtime: Runtime, workflow_id: int) -> None:
    with runtime.session() as session:
        found = why_not.explain(session, workflow_id)
    assert [(one.stage_id, one.waiting_files, one.open_files) for one in found.stages] == [(1, 32, 32), (2, 0, 0)]
    assert found.stages[0].answer.startswith("32 files wait, and jobs may have them now: one job is queued")
    assert found.stages[0].changes == []
    assert found.stages[0].pool.queued_jobs == 1


def test_the_change_that_frees_most_comes_first(runtime: Runtime, workflow_id: int) -> None:
    for storage in ("CERN", "FNAL"):
        disable(runtime, storage)
    with runtime.session() as session:
        (stage,) = why_not.explain(session, workflow_id, stage_number=1).stages
    assert stage.answer == "32 files wait: enabling reading at CERN frees 29."
    assert told(stage.changes) == [("enabling reading at CERN", 29), ("enabling reading at FNAL", 3)]
    assert {(one.filter, one.places, one.files) for one in stage.removed} == {
        ("in_reach", 2, 0),
        ("reading_enabled", 2, 32),
    }


def test_one_site_sees_only_what_is_in_its_own_reach(runtime: Runtime, workflow_id: int) -> None:
    with runtime.session() as session:
        (stage,) = why_not.explain(session, workflow_id, stage_number=1, site="US_FNAL").stages
    assert stage.open_files == 3
    assert told(stage.changes) == [("a max distance of 100", 29)]
    assert {one.site for one in stage.places} == {"US_FNAL"}


def test_one_file_is_explained(runtime: Runtime, workflow_id: int) -> None:
    disable(runtime, "CERN")
    with runtime.session() as session:
        wanted = FileFilter(workflow_id, state=FileState.UNALLOCATED)
        waiting = files.list_files(session, wanted, limit=1)[0].did
        found = why_not.explain(session, workflow_id, did=waiting)
        done = why_not.explain(session, workflow_id, did="usertests:done")
    assert found.file is not None
    assert [stage.stage_id for stage in found.stages] == [1]
    assert found.stages[0].answer == f"{waiting} waits: enabling reading at CERN frees 1."
    assert {one.rse for one in found.stages[0].places} == {"CERN"}
    assert done.stages[0].answer == "usertests:done does not wait: it is processed."


def test_avoided_nodes_are_named(runtime: Runtime, workflow_id: int) -> None:
    now = datetime.now(UTC)
    with runtime.session() as session:
        for hostname, minutes in (("hole", 1), ("was a hole", -1)):
            until = now + timedelta(minutes=minutes)
            site_id = known_site(session, "CH_CERN")
            session.add(AvoidedNode(site_id=site_id, hostname=hostname, until=until, failed_jobs=5))
        session.flush()
        (node,) = why_not.explain(session, workflow_id).avoided_nodes
        elsewhere = why_not.explain(session, workflow_id, site="US_FNAL").avoided_nodes
    assert (node.site, node.hostname, node.failed_jobs) == ("CH_CERN", "hole", 5)
    assert elsewhere == []


def test_a_paused_workflow_says_so(runtime: Runtime) -> None:
    with runtime.session() as session:
        make_site(session)
        stage = make_stage(session, make_workflow(session, state=WorkflowState.PAUSED))
        make_files(session, stage, 2)
        (found,) = why_not.explain(session, stage.workflow_id).stages
    assert found.answer == "2 files wait: letting the workflow run frees 2."


def test_no_single_change_may_help(runtime: Runtime) -> None:
    with runtime.session() as session:
        site_id = make_site(session)
        session.get_one(Site, site_id).enabled = False
        stage = make_stage(session, make_workflow(session, state=WorkflowState.PAUSED))
        make_files(session, stage, 2)
        (found,) = why_not.explain(session, stage.workflow_id).stages
    assert found.answer == "2 files wait: no single change frees any; first of all, the workflow is not running."


@pytest.mark.parametrize("wrong", [{"stage_number": 3}, {"site": "NOWHERE"}, {"did": "usertests:none"}])
def test_what_is_not_there_is_not_found(runtime: Runtime, workflow_id: int, wrong: dict[str, Any]) -> None:
    with runtime.session() as session, pytest.raises(NotFound):
        why_not.explain(session, workflow_id, **wrong)
    with runtime.session() as session, pytest.raises(NotFound):
        why_not.explain(session, workflow_id + 1)

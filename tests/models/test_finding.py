"""What the finder writes: each file once, with its events, and waiting when it can be read."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from justin.states import EventType, FileState, WorkflowState
from models import database, finding, moves, seed
from models.database import Database, Session
from models.files import File, Placement, Replica, StagePlacement
from models.finding import Located, LocatedReplica
from models.moves import Reason
from models.records import Event
from models.statements import raw_connection
from models.workflows import Stage, StageStorage, Workflow
from tests.support.makers import make_stage, make_workflow

FOUND = [("usertests:b.root", 200), ("usertests:a.root", None)]
PAST = datetime(2026, 1, 1, tzinfo=UTC)


def make_finding(session: Session, count: int = 2) -> tuple[int, list[int]]:
    """Make files to be located, and return their stage and keys; NEAR, FAR and the tape TAPE exist."""
    for storage in ("NEAR", "FAR"):
        seed.ensure_storage(session, storage)
    seed.ensure_storage(session, "TAPE", tape=True)
    stage_id = _key(make_stage(session))
    finding.add_files(session, stage_id, [(f"usertests:{number:04}.root", number) for number in range(count)])
    return stage_id, [file.file_id for file in finding.files_to_locate(session, stage_id, limit=count)]


def copies(file_ids: Sequence[int], *rses: str) -> list[LocatedReplica]:
    return [LocatedReplica(file_id, rse, f"root://{rse}/{file_id}") for file_id in file_ids for rse in rses]


def files_of(session: Session, stage_id: int) -> list[File]:
    session.expire_all()
    return list(session.exec(select(File).where(File.stage_id == stage_id).order_by(col(File.did))).all())


def messages_of(session: Session, stage_id: int) -> list[str]:
    """List what the events say beyond their type."""
    found = select(Event).where(Event.stage_id == stage_id).order_by(col(Event.event_id))
    return [event.details["message"] for event in session.exec(found).all() if event.details]


def events_of(session: Session, stage_id: int) -> list[tuple[int | None, EventType]]:
    found = select(Event).where(Event.stage_id == stage_id).order_by(col(Event.event_id))
    return [(event.file_id, event.event_type) for event in session.exec(found).all()]


def waiting_of(session: Session, stage_id: int) -> set[tuple[int, int]]:
    """List at which storages claims find which files."""
    listed = session.exec(select(StagePlacement).where(StagePlacement.stage_id == stage_id)).all()
    sets = {each.placement_id: set(each.storage_ids) for each in session.exec(select(Placement)).all()}
    assert all(each.storage_id in sets[each.placement_id] for each in listed)
    return {
        (_file_key(file), each.storage_id)
        for file in files_of(session, stage_id)
        for each in listed
        if each.placement_id == file.placement_id and file.state == FileState.UNALLOCATED
    }


def test_found_files_become_inputs_with_their_events(session: Session) -> None:
    stage_id = _key(make_stage(session))
    assert finding.add_files(session, stage_id, FOUND) == 2
    files = files_of(session, stage_id)
    assert [(file.did, file.size_bytes, file.state) for file in files] == [
        ("usertests:a.root", None, FileState.FINDING),
        ("usertests:b.root", 200, FileState.FINDING),
    ]
    assert events_of(session, stage_id) == [(file.file_id, EventType.FILE_ADDED) for file in files]


def test_finding_again_adds_only_what_is_new(session: Session) -> None:
    stage_id = _key(make_stage(session))
    finding.add_files(session, stage_id, FOUND)
    assert finding.add_files(session, stage_id, [*FOUND, *FOUND, ("usertests:c.root", 1), ("usertests:c.root", 1)]) == 1
    assert finding.count_inputs(session, stage_id) == 3
    assert len(events_of(session, stage_id)) == 3


def test_stages_may_take_the_same_file(session: Session) -> None:
    stages = [_key(make_stage(session)) for _ in range(2)]
    assert [finding.add_files(session, stage_id, FOUND) for stage_id in stages] == [2, 2]


def test_finders_at_once_add_each_file_once(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage_id = _key(make_stage(session))
    found = [(f"usertests:{number}.root", number) for number in range(2000)]

    def add(number: int) -> int:
        with database.session(fresh_database) as session:
            return finding.add_files(session, stage_id, found if number % 2 else found[::-1])

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(add, range(4))) == len(found)
    with database.session(fresh_database) as session:
        assert len(events_of(session, stage_id)) == len(found)


def test_finder_that_dies_leaves_nothing(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage_id = _key(make_stage(session))
    for count in (2, 0):
        with Session(fresh_database.engine) as session:
            assert finding.add_files(session, stage_id, FOUND[:count]) == count
            session.rollback()
    with database.session(fresh_database) as session:
        assert finding.count_inputs(session, stage_id) == 0
        assert events_of(session, stage_id) == []


def test_monte_carlo_counters_wait_at_once(session: Session) -> None:
    storage_id = seed.ensure_monte_carlo(session)
    stage = make_stage(session)
    stage_id = _key(stage)
    assert finding.add_monte_carlo(session, stage_id, 3) == 3
    files = files_of(session, stage_id)
    assert [file.did for file in files] == [f"monte-carlo-{stage.workflow_id:06}-00000{n}" for n in (1, 2, 3)]
    assert {file.state for file in files} == {FileState.UNALLOCATED}
    assert waiting_of(session, stage_id) == {(_file_key(file), storage_id) for file in files}
    pfns = [session.get_one(Replica, (file.file_id, storage_id)).wan_pfn for file in files]
    assert pfns == ["000001", "000002", "000003"]
    told = [EventType.FILE_ADDED, EventType.FILE_LOCATED]
    assert events_of(session, stage_id) == [(file.file_id, word) for file in files for word in told]


def test_monte_carlo_counters_are_made_once(session: Session) -> None:
    seed.ensure_monte_carlo(session)
    stage_id = _key(make_stage(session))
    finding.add_monte_carlo(session, stage_id, 3)
    assert finding.add_monte_carlo(session, stage_id, 3) == 0
    assert finding.add_monte_carlo(session, stage_id, 2, first=1_000_000) == 2
    assert finding.count_inputs(session, stage_id) == 5
    last = files_of(session, stage_id)[-1].did
    assert last.endswith("-1000001")


def test_files_are_listed_page_by_page(session: Session) -> None:
    stage_id, file_ids = make_finding(session, 5)
    assert finding.stages_to_locate(session) == [stage_id]
    pages, after = [], 0
    while page := finding.files_to_locate(session, stage_id, after, limit=2):
        pages.append([file.file_id for file in page])
        after = page[-1].file_id
    assert pages == [file_ids[:2], file_ids[2:4], file_ids[4:]]


def test_paused_workflow_is_not_searched(session: Session) -> None:
    workflow = make_workflow(session, state=WorkflowState.PAUSED, refind_next_at=PAST)
    finding.add_files(session, _key(make_stage(session, workflow)), FOUND)
    assert finding.stages_to_locate(session) == []
    assert finding.due_workflows(session) == []


def test_located_files_wait_at_each_of_their_storages(session: Session) -> None:
    stage_id, file_ids = make_finding(session)
    near, far = (seed.ensure_storage(session, name) for name in ("NEAR", "FAR"))
    rows = [*copies(file_ids, "NEAR"), LocatedReplica(file_ids[0], "FAR", "root://wan/0", "root://lan/0")]
    assert finding.put_replicas(session, stage_id, file_ids, rows) == Located(2, 0)
    assert waiting_of(session, stage_id) == {(file_ids[0], near), (file_ids[1], near), (file_ids[0], far)}
    kept = session.get_one(Replica, (file_ids[0], far))
    assert (kept.wan_pfn, kept.lan_pfn) == ("root://wan/0", "root://lan/0")
    assert events_of(session, stage_id)[2:] == [(file_id, EventType.FILE_LOCATED) for file_id in file_ids]
    assert finding.stages_to_locate(session) == []


@pytest.mark.parametrize("rses", [[], ["UNKNOWN"], ["TAPE"]])
def test_file_without_a_readable_copy_is_not_found(session: Session, rses: list[str]) -> None:
    stage_id, file_ids = make_finding(session, 1)
    assert finding.put_replicas(session, stage_id, file_ids, copies(file_ids, *rses)) == Located(0, 1)
    assert [file.state for file in files_of(session, stage_id)] == [FileState.NOTFOUND]
    assert waiting_of(session, stage_id) == set()
    assert events_of(session, stage_id)[1:] == [(file_ids[0], EventType.FILE_NOTFOUND)]
    assert messages_of(session, stage_id) == ["no storage has a copy that can be read"]


def test_file_without_a_copy_at_the_inputs_storages_is_not_found(session: Session) -> None:
    stage_id, file_ids = make_finding(session, 3)
    far = seed.ensure_storage(session, "FAR")
    session.add(StageStorage(stage_id=stage_id, storage_id=far, for_input=True))
    rows = [*copies(file_ids[:2], "NEAR"), *copies(file_ids[1:2], "FAR")]
    assert finding.put_replicas(session, stage_id, file_ids, rows) == Located(1, 2)
    assert [file.state for file in files_of(session, stage_id)] == [
        FileState.NOTFOUND,
        FileState.UNALLOCATED,
        FileState.NOTFOUND,
    ]
    assert messages_of(session, stage_id) == [
        "no copy at the storages that the stage takes its inputs from",
        "no storage has a copy that can be read",
    ]


def test_storages_for_outputs_do_not_confine_inputs(session: Session) -> None:
    stage_id, file_ids = make_finding(session, 1)
    session.add(StageStorage(stage_id=stage_id, storage_id=seed.ensure_storage(session, "FAR"), for_input=False))
    assert finding.put_replicas(session, stage_id, file_ids, copies(file_ids, "NEAR")) == Located(1, 0)


def test_tape_copy_beside_one_on_disk_does_not_wait(session: Session) -> None:
    stage_id, file_ids = make_finding(session, 1)
    assert finding.put_replicas(session, stage_id, file_ids, copies(file_ids, "TAPE", "NEAR")) == Located(1, 0)
    assert waiting_of(session, stage_id) == {(file_ids[0], seed.ensure_storage(session, "NEAR"))}


def test_copy_brought_online_counts(session: Session) -> None:
    stage_id, file_ids = make_finding(session, 1)
    tape = seed.ensure_storage(session, "TAPE", tape=True)
    until = datetime.now(UTC) + timedelta(hours=1)
    session.add(Replica(file_id=file_ids[0], storage_id=tape, wan_pfn="root://old", accessible_until=until))
    assert finding.put_replicas(session, stage_id, file_ids, copies(file_ids, "TAPE")) == Located(1, 0)
    assert waiting_of(session, stage_id) == {(file_ids[0], tape)}


def test_locating_again_changes_nothing(session: Session) -> None:
    stage_id, file_ids = make_finding(session)
    finding.put_replicas(session, stage_id, file_ids, copies(file_ids, "NEAR"))
    before = (waiting_of(session, stage_id), events_of(session, stage_id))
    assert finding.put_replicas(session, stage_id, file_ids, copies(file_ids, "FAR")) == Located(0, 0)
    assert (waiting_of(session, stage_id), events_of(session, stage_id)) == before


def test_answer_about_other_files_is_ignored(session: Session) -> None:
    stage_id, file_ids = make_finding(session)
    twice = copies(file_ids, "NEAR") * 2
    assert finding.put_replicas(session, stage_id, file_ids[:1], twice) == Located(1, 0)
    assert [file.file_id for file in finding.files_to_locate(session, stage_id)] == file_ids[1:]


def test_retried_file_forgets_copies_that_are_gone(session: Session) -> None:
    stage_id, file_ids = make_finding(session, 1)
    finding.put_replicas(session, stage_id, file_ids, copies(file_ids, "NEAR"))
    for state in (FileState.FAILED, FileState.FINDING):
        moves.move_files(session, file_ids, state, Reason("alice"))
    assert finding.put_replicas(session, stage_id, file_ids, copies(file_ids, "FAR")) == Located(1, 0)
    far = seed.ensure_storage(session, "FAR")
    assert [row.storage_id for row in session.exec(select(Replica).where(Replica.file_id == file_ids[0]))] == [far]
    assert waiting_of(session, stage_id) == {(file_ids[0], far)}


def test_retried_file_keeps_what_is_still_there(session: Session) -> None:
    stage_id, file_ids = make_finding(session, 1)
    tape, near = (seed.ensure_storage(session, name) for name in ("TAPE", "NEAR"))
    until = datetime.now(UTC) + timedelta(hours=1)
    session.add(Replica(file_id=file_ids[0], storage_id=tape, wan_pfn="root://old", accessible_until=until))
    assert finding.put_replicas(session, stage_id, file_ids, copies(file_ids, "NEAR", "TAPE")) == Located(1, 0)
    session.expire_all()
    assert session.get_one(Replica, (file_ids[0], near)).wan_pfn == f"root://NEAR/{file_ids[0]}"
    kept = session.get_one(Replica, (file_ids[0], tape))
    assert (kept.wan_pfn, kept.accessible_until) == (f"root://TAPE/{file_ids[0]}", until)


def test_locating_never_reads_the_whole_of_a_table(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage_id, file_ids = make_finding(session, 2000)
        finding.put_replicas(session, stage_id, file_ids[:1000], copies(file_ids[:1000], "NEAR", "FAR"))
    counted = "SELECT sum(seq_scan) FROM pg_stat_xact_user_tables WHERE relname IN ('files', 'replicas')"
    for first in (1000, 1500):
        with database.session(fresh_database) as session:
            some = file_ids[first : first + 500]
            finding.put_replicas(session, stage_id, some, copies(some, "NEAR", "FAR"))
            assert raw_connection(session).execute(counted).fetchall() == [(0,)]


def test_statistics_are_there_when_many_files_were_located(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage_id, file_ids = make_finding(session, 500)
        finding.put_replicas(session, stage_id, file_ids, copies(file_ids, "NEAR", "FAR"))
    with database.session(fresh_database) as session:
        finding.refresh_statistics(session)
    with database.session(fresh_database) as session:
        counted = "SELECT reltuples FROM pg_class WHERE relname IN ('files', 'replicas', 'stage_placements') ORDER BY 1"
        assert raw_connection(session).execute(counted).fetchall() == [(2,), (500,), (1000,)]


def test_locators_at_once_locate_each_file_once(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage_id, file_ids = make_finding(session, 1000)

    def locate(number: int) -> int:
        mine = file_ids if number % 2 else file_ids[::-1]
        with database.session(fresh_database) as session:
            return finding.put_replicas(session, stage_id, mine, copies(mine, "NEAR", "FAR")).unallocated

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(locate, range(4))) == len(file_ids)
    with database.session(fresh_database) as session:
        assert len(events_of(session, stage_id)) == 2 * len(file_ids)
        assert len(waiting_of(session, stage_id)) == 2 * len(file_ids)


def make_due(session: Session, **values: Any) -> Workflow:
    workflow = make_workflow(session, refind_next_at=PAST, **values)
    make_stage(session, workflow)
    return workflow


def test_workflow_without_refinding_is_searched_once(session: Session) -> None:
    workflow = make_due(session)
    (due,) = finding.due_workflows(session)
    assert (due.workflow_id, due.mql, due.scope) == (workflow.workflow_id, workflow.mql, workflow.scope)
    assert finding.finish(session, due.workflow_id, due.began_at) is None
    assert finding.due_workflows(session) == []


def test_refinding_goes_on_until_its_end_and_searches_then(session: Session) -> None:
    until = datetime.now(UTC) + timedelta(seconds=10)
    make_due(session, refind_interval_seconds=3600, refind_until=until)
    (due,) = finding.due_workflows(session)
    assert finding.finish(session, due.workflow_id, due.began_at) == until
    assert finding.finish(session, due.workflow_id, until) is None


def test_next_search_is_an_interval_away(session: Session) -> None:
    make_due(session, refind_interval_seconds=60, refind_until=datetime.now(UTC) + timedelta(days=1))
    (due,) = finding.due_workflows(session)
    next_at = finding.finish(session, due.workflow_id, due.began_at)
    assert next_at is not None
    assert timedelta(seconds=55) < next_at - due.began_at < timedelta(seconds=120)


def test_repeated_finish_changes_nothing(session: Session) -> None:
    workflow = make_due(session, refind_interval_seconds=60, refind_until=datetime.now(UTC) + timedelta(days=1))
    (due,) = finding.due_workflows(session)
    finding.finish(session, due.workflow_id, due.began_at)
    session.refresh(workflow)
    next_at = workflow.refind_next_at
    finding.finish(session, due.workflow_id, due.began_at)
    session.refresh(workflow)
    assert workflow.refind_next_at == next_at


def test_note_stays_until_the_search_is_done(session: Session) -> None:
    workflow = make_due(session)
    (due,) = finding.due_workflows(session)
    finding.note(session, due.workflow_id, "MetaCat does not answer: timeout")
    session.refresh(workflow)
    assert workflow.state_message == "MetaCat does not answer: timeout"
    finding.finish(session, due.workflow_id, due.began_at)
    session.refresh(workflow)
    assert workflow.state_message == ""


def _key(stage: Stage) -> int:
    assert stage.stage_id is not None
    return stage.stage_id


def _file_key(file: File) -> int:
    assert file.file_id is not None
    return file.file_id

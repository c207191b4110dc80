"""The outbox: whole jobs, to one agent at a time, and told to the end or not at all."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import col, select

from justin.states import EventType, FileState, OutboxState
from models import database, datasets, outbox, seed
from models.database import Database, Session
from models.datasets import DatasetKind, NewDataset
from models.files import Dataset, File, Replica, StagePlacement
from models.outbox import Finished
from models.records import Event, Outbox
from models.workflows import Stage, StageOutput
from tests.support.finished_jobs import make_finished_job
from tests.support.makers import STORAGE, make_output_pattern, make_stage, make_workflow

SECONDS = 60.0
OVER = -1.0
"""A lease that has run out when it is taken."""


@pytest.fixture
def stage(session: Session) -> Stage:
    return make_stage(session, max_allocations=3)


@pytest.fixture
def pattern(session: Session, stage: Stage) -> StageOutput:
    return make_output_pattern(session, stage, destination="fnal", lifetime_seconds=86400)


def lease_jobs(session: Session, limit: int = 1000, seconds: float = SECONDS) -> list[int]:
    return [item.job_id for item in outbox.lease_items(session, limit, seconds)]


def states(session: Session, file_ids: Sequence[int]) -> set[FileState]:
    session.expire_all()
    return {session.get_one(File, file_id).state for file_id in file_ids}


def outbox_states(session: Session, file_ids: Sequence[int]) -> set[OutboxState]:
    session.expire_all()
    return {item.state for item in session.exec(select(Outbox).where(col(Outbox.file_id).in_(file_ids))).all()}


def told(session: Session, file_ids: Sequence[int]) -> list[EventType]:
    found = select(Event).where(col(Event.file_id).in_(file_ids)).order_by(col(Event.event_id))
    return [event.event_type for event in session.exec(found).all()]


def test_item_tells_all_that_registration_needs(session: Session, stage: Stage, pattern: StageOutput) -> None:
    job = make_finished_job(session, stage, pattern)
    (item,) = outbox.lease_items(session, 100, SECONDS)
    assert (item.file_id, item.job_id, item.did) == (job.output_ids[0], job.job_id, f"usertests:{job.job_id}-0.root")
    assert (item.rse, item.pfn, item.adler32) == (STORAGE, f"file:///{item.file_id}", "0000000a")
    assert (item.metadata, item.parents, item.attempts) == ({"core.number": 0}, ["usertests:parent.root"], 1)
    assert item.dataset_number is None
    kind = item.output
    assert (kind.output_id, kind.destination, kind.lifetime_seconds) == (pattern.output_id, "fnal", 86400)
    assert (kind.workflow_id, kind.stage_id, kind.stage_number) == (stage.workflow_id, stage.stage_id, 1)
    assert (kind.scope, kind.account, kind.user, kind.repositories) == ("usertests", "usertests", "alice", [])


def test_leased_item_is_not_leased_again_before_its_time_is_over(
    session: Session, stage: Stage, pattern: StageOutput
) -> None:
    job = make_finished_job(session, stage, pattern)
    assert lease_jobs(session, seconds=OVER) == [job.job_id]
    assert lease_jobs(session) == [job.job_id]
    assert lease_jobs(session) == []


def test_jobs_are_leased_whole(session: Session, stage: Stage, pattern: StageOutput) -> None:
    first, second = (make_finished_job(session, stage, pattern, outputs=3).job_id for _ in range(2))
    assert lease_jobs(session, limit=2) == [first] * 3
    assert lease_jobs(session, limit=2) == [second] * 3


def test_agents_at_once_get_different_jobs_whole(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage = make_stage(session)
        pattern = make_output_pattern(session, stage)
        for _ in range(30):
            make_finished_job(session, stage, pattern, outputs=3)

    def lease(_: int) -> list[int]:
        with database.session(fresh_database) as session:
            return lease_jobs(session, limit=15)

    leased: list[int] = []
    while len(leased) < 90:
        with ThreadPoolExecutor(8) as pool:
            got = [jobs for jobs in pool.map(lease, range(8)) if jobs]
        assert got
        assert all(jobs.count(job_id) == 3 for jobs in got for job_id in jobs)
        leased += [job_id for jobs in got for job_id in jobs]
    assert len(leased) == 90
    assert len(set(leased)) == 30


def test_item_to_be_tried_later_waits(session: Session, stage: Stage, pattern: StageOutput) -> None:
    job = make_finished_job(session, stage, pattern, outputs=2)
    outbox.lease_items(session, 10, SECONDS)
    outbox.retry(session, [job.job_id], 3600, "Rucio does not answer: timeout")
    assert lease_jobs(session) == []
    item = session.exec(select(Outbox).where(Outbox.job_id == job.job_id)).first()
    assert item is not None
    assert (item.last_error, item.leased_until, item.attempts) == ("Rucio does not answer: timeout", None, 1)
    outbox.retry(session, [job.job_id], 0, "MetaCat does not answer: timeout")
    assert [item.attempts for item in outbox.lease_items(session, 10, SECONDS)] == [2, 2]


def test_registered_outputs_finish_with_their_inputs(session: Session, stage: Stage, pattern: StageOutput) -> None:
    job = make_finished_job(session, stage, pattern, inputs=2, outputs=2)
    assert outbox.finish_jobs(session, [job.job_id]) == Finished(job.output_ids, [], job.input_ids)
    assert states(session, job.output_ids) == {FileState.OUTPUT}
    assert states(session, job.input_ids) == {FileState.PROCESSED}
    assert outbox_states(session, job.output_ids) == {OutboxState.DONE}
    assert told(session, job.output_ids)[-2:] == [EventType.OUTPUT_REGISTERED] * 2
    assert told(session, job.input_ids)[-2:] == [EventType.FILE_PROCESSED] * 2


def test_finishing_twice_changes_nothing(session: Session, stage: Stage, pattern: StageOutput) -> None:
    job = make_finished_job(session, stage, pattern)
    outbox.finish_jobs(session, [job.job_id])
    events = told(session, [*job.output_ids, *job.input_ids])
    assert outbox.finish_jobs(session, [job.job_id]) == Finished([], [], [])
    assert outbox.refuse(session, [job.job_id], "too late") == []
    outbox.retry(session, [job.job_id], 0, "too late")
    assert lease_jobs(session) == []
    assert told(session, [*job.output_ids, *job.input_ids]) == events


def test_output_for_the_next_stage_waits_there(session: Session) -> None:
    workflow = make_workflow(session)
    first, second = (make_stage(session, workflow, stage_number=number) for number in (1, 2))
    pattern = make_output_pattern(session, first, for_next_stage=True)
    job = make_finished_job(session, first, pattern, next_stage=second)
    assert outbox.finish_jobs(session, [job.job_id]) == Finished([], job.output_ids, job.input_ids)
    (event,) = session.exec(select(Event).where(Event.event_type == EventType.OUTPUT_PASSED_ON)).all()
    storage_id = seed.ensure_storage(session, STORAGE)
    assert (event.job_id, event.stage_id, event.storage_id) == (job.job_id, first.stage_id, storage_id)
    session.expire_all()
    file = session.get_one(File, job.output_ids[0])
    assert (file.state, file.stage_id) == (FileState.UNALLOCATED, second.stage_id)
    listed = session.exec(select(StagePlacement).where(StagePlacement.stage_id == second.stage_id)).all()
    assert [(each.storage_id, each.placement_id) for each in listed] == [(storage_id, file.placement_id)]


def test_agents_that_finish_the_same_jobs_at_once_do_so_once(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage = make_stage(session)
        pattern = make_output_pattern(session, stage)
        jobs = [make_finished_job(session, stage, pattern, inputs=2) for _ in range(20)]
    job_ids = [job.job_id for job in jobs]

    def finish(number: int) -> int:
        mine = job_ids if number % 2 else job_ids[::-1]
        with database.session(fresh_database) as session:
            return len(outbox.finish_jobs(session, mine).processed)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(finish, range(8))) == 40
    with database.session(fresh_database) as session:
        inputs = [file_id for job in jobs for file_id in job.input_ids]
        assert told(session, inputs).count(EventType.FILE_PROCESSED) == 40


def test_crash_before_the_commit_leaves_nothing_half(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage = make_stage(session)
        job = make_finished_job(session, stage, make_output_pattern(session, stage))
    with Session(fresh_database.engine) as session:
        outbox.finish_jobs(session, [job.job_id])
        session.rollback()
    with database.session(fresh_database) as session:
        assert states(session, job.output_ids) == {FileState.UPLOADED}
        assert states(session, job.input_ids) == {FileState.OUTPUTTING}
        assert outbox_states(session, job.output_ids) == {OutboxState.WAITING}


def test_refused_outputs_are_dropped_and_their_inputs_come_back(
    session: Session, stage: Stage, pattern: StageOutput
) -> None:
    job = make_finished_job(session, stage, pattern, outputs=2)
    assert outbox.refuse(session, [job.job_id], "the name is taken") == job.output_ids
    assert states(session, job.output_ids) == {FileState.DROPPED}
    assert states(session, job.input_ids) == {FileState.UNALLOCATED}
    assert outbox_states(session, job.output_ids) == {OutboxState.REFUSED}
    assert session.exec(select(Replica).where(col(Replica.file_id).in_(job.output_ids))).all() == []
    assert outbox.refuse(session, [job.job_id], "the name is taken") == []
    assert outbox.finish_jobs(session, [job.job_id]) == Finished([], [], [])
    assert lease_jobs(session) == []


def test_inputs_of_refused_outputs_fail_after_their_last_attempt(
    session: Session, stage: Stage, pattern: StageOutput
) -> None:
    job = make_finished_job(session, stage, pattern, allocations=3)
    outbox.refuse(session, [job.job_id], "the name is taken")
    assert states(session, job.input_ids) == {FileState.FAILED}


def test_refused_or_finished_but_not_both(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage = make_stage(session)
        job = make_finished_job(session, stage, make_output_pattern(session, stage), inputs=10, outputs=10)

    def end(number: int) -> bool:
        with database.session(fresh_database) as session:
            if number % 2:
                return bool(outbox.refuse(session, [job.job_id], "refused"))
            return bool(outbox.finish_jobs(session, [job.job_id]).registered)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(end, range(8))) == 1
    with database.session(fresh_database) as session:
        found = (states(session, job.input_ids), states(session, job.output_ids))
    assert found in (({FileState.PROCESSED}, {FileState.OUTPUT}), ({FileState.UNALLOCATED}, {FileState.DROPPED}))


def test_registered_outputs_count_in_their_datasets(session: Session, stage: Stage, pattern: StageOutput) -> None:
    here, elsewhere = (seed.ensure_storage(session, name) for name in (STORAGE, "ELSEWHERE"))
    assert stage.stage_id is not None
    assert pattern.output_id is not None
    ids = (stage.workflow_id, stage.stage_id, pattern.output_id)
    for dataset in (
        NewDataset("usertests", "here", DatasetKind.RSE, *ids, storage_id=here),
        NewDataset("usertests", "elsewhere", DatasetKind.RSE, *ids, storage_id=elsewhere),
        NewDataset("usertests", "first", DatasetKind.NUMBERED, *ids, number=1),
        NewDataset("usertests", "second", DatasetKind.NUMBERED, *ids, number=2),
        NewDataset("usertests", "all", DatasetKind.DESTINATION, *ids),
    ):
        datasets.remember(session, dataset)
    job = make_finished_job(session, stage, pattern, outputs=3)
    datasets.numbers(session, job.output_ids, size=2)
    outbox.finish_jobs(session, [job.job_id])
    counts = session.exec(select(Dataset.files).order_by(col(Dataset.dataset_id))).all()
    assert counts == [3, 0, 2, 1, 3]

"""What becomes of inputs and outputs when a job reports, confirms or ends: once, whole, and with its events."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlmodel import col, select

from justin.states import EventType, FileState, JobState, OutboxState
from models import database, moves, results, seed
from models.database import Database, Session
from models.files import File, Replica
from models.jobs import Job, StageLoad
from models.moves import Reason
from models.records import Event, Outbox, RecordedOutput
from models.results import ConfirmedOutput, NewOutput, Released
from models.workflows import Stage
from tests.support.makers import STORAGE, make_files, make_job, make_output_pattern, make_stage

BECAUSE = Reason("tester", "because we try")
TARGETS = [{"storage_id": 1, "rse": STORAGE, "url": "file:///a"}]


def make_running(session: Session, inputs: int = 2, **values: Any) -> tuple[Stage, Job, list[int]]:
    """Make a job that holds inputs of its stage."""
    stage = make_stage(session, max_allocations=3)
    job = make_job(session, stage, state=JobState.PROCESSING, asked_for_files=True)
    row = {"allocations": 1} | values
    files = make_files(session, stage, inputs, state=FileState.ALLOCATED, job_id=job.job_id, **row)
    return stage, job, [_key(file) for file in files]


def new_output(session: Session, stage: Stage, name: str = "a.root", **values: Any) -> NewOutput:
    pattern = make_output_pattern(session, stage, pattern_id=values.pop("pattern_id", 1))
    row = {"stage_id": None, "size_bytes": 7, "adler32": "0000000a", "metadata": {"core.runs": [1]}} | values
    assert pattern.output_id is not None
    did = f"usertests:{name}"
    return NewOutput(did=did, output_id=pattern.output_id, parents=["usertests:in"], targets=TARGETS, **row)


def place(session: Session, output: results.RecordedOutput) -> ConfirmedOutput:
    return ConfirmedOutput(output.file_id, seed.ensure_storage(session, STORAGE), "file:///a", 1.5)


def upload(session: Session, stage: Stage, job: Job) -> File:
    """Bring a job to its end with one output; return that."""
    assert results.record_outputs(session, _job(job), [new_output(session, stage)]) == []
    (recorded,) = results.recorded_outputs(session, _job(job))
    results.confirm_outputs(session, _job(job), [place(session, recorded)], BECAUSE)
    return session.get_one(File, recorded.file_id)


def states(session: Session, file_ids: Sequence[int]) -> list[FileState]:
    session.expire_all()
    return [session.get_one(File, file_id).state for file_id in file_ids]


def told(session: Session, job: Job) -> list[EventType]:
    found = select(Event).where(Event.job_id == job.job_id).order_by(col(Event.event_id))
    return [event.event_type for event in session.exec(found).all()]


def test_processed_inputs_stay_and_the_others_come_back(session: Session) -> None:
    _, job, (done, left) = make_running(session)
    assert results.begin_outputting(session, _job(job), [done], BECAUSE) == Released([left], [])
    assert states(session, [done, left]) == [FileState.OUTPUTTING, FileState.UNALLOCATED]
    session.refresh(job)
    assert job.state == JobState.OUTPUTTING
    assert told(session, job) == [EventType.JOB_OUTPUTTING, EventType.FILE_RELEASED, EventType.FILE_OUTPUTTING]


def test_beginning_twice_changes_nothing(session: Session) -> None:
    _, job, (done, left) = make_running(session)
    results.begin_outputting(session, _job(job), [done], BECAUSE)
    assert results.begin_outputting(session, _job(job), [left], BECAUSE) is None
    assert states(session, [done, left]) == [FileState.OUTPUTTING, FileState.UNALLOCATED]
    assert len(told(session, job)) == 3


def test_files_of_other_jobs_are_not_touched(session: Session) -> None:
    stage, job, _ = make_running(session)
    other = make_job(session, stage)
    (file,) = make_files(session, stage, state=FileState.ALLOCATED, job_id=other.job_id)
    results.begin_outputting(session, _job(job), [_key(file)], BECAUSE)
    assert states(session, [_key(file)]) == [FileState.ALLOCATED]


def test_released_file_waits_again_and_remembers_where_it_failed(session: Session) -> None:
    _, job, (file_id,) = make_running(session, 1)
    assert results.release_files(session, [_job(job)], BECAUSE) == Released([file_id], [])
    session.expire_all()
    file = session.get_one(File, file_id)
    assert (file.failed_site_id, file.failed_host) == (job.site_id, job.hostname)
    assert file.placement_id is not None


def test_file_fails_after_its_last_attempt(session: Session) -> None:
    _, job, file_ids = make_running(session, allocations=3)
    assert results.release_files(session, [_job(job)], BECAUSE) == Released([], file_ids)
    assert states(session, file_ids) == [FileState.FAILED] * 2
    assert told(session, job) == [EventType.FILE_FAILED] * 2


def test_releasing_twice_changes_nothing(session: Session) -> None:
    _, job, _ = make_running(session)
    results.release_files(session, [_job(job)], BECAUSE)
    assert results.release_files(session, [_job(job)], BECAUSE) == Released([], [])
    assert told(session, job) == [EventType.FILE_RELEASED] * 2


def test_recorded_output_is_told_again_as_it_was(session: Session) -> None:
    stage, job, _ = make_running(session)
    output = new_output(session, stage)
    assert results.record_outputs(session, _job(job), [output]) == []
    (recorded,) = results.recorded_outputs(session, _job(job))
    assert (recorded.did, recorded.size_bytes, recorded.adler32) == (output.did, 7, "0000000a")
    assert recorded.targets == TARGETS
    assert told(session, job) == [EventType.OUTPUT_RECORDED]


def test_recording_twice_changes_nothing(session: Session) -> None:
    stage, job, _ = make_running(session)
    output = new_output(session, stage)
    results.record_outputs(session, _job(job), [output])
    assert results.record_outputs(session, _job(job), [output]) == []
    assert len(results.recorded_outputs(session, _job(job))) == 1
    assert told(session, job) == [EventType.OUTPUT_RECORDED]


def test_taken_name_leaves_nothing(session: Session) -> None:
    stage, job, _ = make_running(session)
    first = new_output(session, stage)
    results.record_outputs(session, _job(make_job(session, stage)), [first])
    second = new_output(session, stage, "b.root", pattern_id=2)
    assert results.record_outputs(session, _job(job), [second, first]) == [first.did]
    assert results.recorded_outputs(session, _job(job)) == []
    assert told(session, job) == []


def test_dropped_name_is_free_again(session: Session) -> None:
    stage, job, _ = make_running(session)
    output = new_output(session, stage)
    first = make_job(session, stage)
    results.record_outputs(session, _job(first), [output])
    results.end_jobs(session, [_job(first)], JobState.STALLED, BECAUSE)
    assert results.record_outputs(session, _job(job), [output]) == []


def test_one_of_two_jobs_at_once_gets_the_name(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage, job, _ = make_running(session)
        jobs = [_job(job), *(_job(make_job(session, stage)) for _ in range(7))]
        outputs = [
            new_output(session, stage, "a.root"),
            new_output(session, stage, "b.root", pattern_id=2),
        ]

    def record(job_id: int) -> list[str]:
        mine = outputs if job_id % 2 else outputs[::-1]
        with database.session(fresh_database) as session:
            return results.record_outputs(session, job_id, mine)

    with ThreadPoolExecutor(8) as pool:
        taken = Counter(len(names) for names in pool.map(record, jobs))
    assert taken == {0: 1, 2: 7}


def test_confirmed_output_is_a_copy_and_goes_to_the_outbox(session: Session) -> None:
    stage, job, _ = make_running(session)
    file = upload(session, stage, job)
    session.refresh(file)
    assert file.state == FileState.UPLOADED
    posted = session.exec(select(Outbox).where(Outbox.file_id == file.file_id)).one()
    assert (posted.state, posted.job_id, posted.pfn) == (OutboxState.WAITING, job.job_id, "file:///a")
    assert (posted.file_metadata, posted.parents) == ({"core.runs": [1]}, ["usertests:in"])
    assert session.get_one(Replica, (_key(file), posted.storage_id)).wan_pfn == "file:///a"
    assert results.recorded_outputs(session, _job(job)) == []
    event = session.exec(select(Event).where(Event.event_type == EventType.OUTPUT_UPLOADED)).one()
    assert (event.file_id, event.storage_id, event.seconds, event.stage_id) == (
        file.file_id,
        posted.storage_id,
        1.5,
        stage.stage_id,
    )


def test_confirming_twice_changes_nothing(session: Session) -> None:
    stage, job, _ = make_running(session)
    results.record_outputs(session, _job(job), [new_output(session, stage)])
    (recorded,) = results.recorded_outputs(session, _job(job))
    places = [place(session, recorded)]
    assert results.confirm_outputs(session, _job(job), places, BECAUSE) == [recorded.file_id]
    assert results.confirm_outputs(session, _job(job), places, BECAUSE) == []
    assert told(session, job) == [EventType.OUTPUT_RECORDED, EventType.OUTPUT_UPLOADED]


def test_others_outputs_cannot_be_confirmed(session: Session) -> None:
    stage, job, _ = make_running(session)
    results.record_outputs(session, _job(job), [new_output(session, stage)])
    (recorded,) = results.recorded_outputs(session, _job(job))
    other = make_job(session, stage)
    assert results.confirm_outputs(session, _job(other), [place(session, recorded)], BECAUSE) == []


def test_job_without_outputs_finishes_its_inputs_at_once(session: Session) -> None:
    stage, job, file_ids = make_running(session)
    results.begin_outputting(session, _job(job), file_ids, BECAUSE)
    assert results.finish_job(session, _job(job), BECAUSE)
    assert states(session, file_ids) == [FileState.PROCESSED] * 2
    assert session.get_one(StageLoad, stage.stage_id).running_jobs == 0
    assert not results.finish_job(session, _job(job), BECAUSE)


def test_inputs_wait_for_the_outputs_to_be_registered(session: Session) -> None:
    stage, job, file_ids = make_running(session)
    results.begin_outputting(session, _job(job), file_ids, BECAUSE)
    upload(session, stage, job)
    assert results.finish_job(session, _job(job), BECAUSE)
    assert states(session, file_ids) == [FileState.OUTPUTTING] * 2


def test_job_with_unconfirmed_outputs_does_not_finish(session: Session) -> None:
    stage, job, file_ids = make_running(session)
    results.begin_outputting(session, _job(job), file_ids, BECAUSE)
    results.record_outputs(session, _job(job), [new_output(session, stage)])
    with pytest.raises(ValueError, match="not confirmed"):
        results.finish_job(session, _job(job), BECAUSE)


def test_job_that_is_not_outputting_does_not_finish(session: Session) -> None:
    _, job, file_ids = make_running(session)
    assert not results.finish_job(session, _job(job), BECAUSE)
    assert states(session, file_ids) == [FileState.ALLOCATED] * 2


def test_ended_job_gives_everything_back(session: Session) -> None:
    stage, job, file_ids = make_running(session)
    file = upload(session, stage, job)
    assert results.end_jobs(session, [_job(job)], JobState.STALLED, BECAUSE) == [job.job_id]
    assert states(session, [*file_ids, _key(file)]) == [FileState.UNALLOCATED] * 2 + [FileState.DROPPED]
    posted = session.exec(select(Outbox).where(Outbox.file_id == file.file_id)).one()
    assert posted.state == OutboxState.REFUSED
    assert session.exec(select(Replica).where(Replica.file_id == file.file_id)).all() == []
    assert session.exec(select(RecordedOutput)).all() == []
    assert told(session, job)[-4:] == [
        EventType.FILE_RELEASED,
        EventType.FILE_RELEASED,
        EventType.OUTPUT_DROPPED,
        EventType.JOB_STALLED,
    ]


def test_ending_twice_changes_nothing(session: Session) -> None:
    stage, job, _ = make_running(session)
    results.end_jobs(session, [_job(job)], JobState.STALLED, BECAUSE)
    events = told(session, job)
    assert results.end_jobs(session, [_job(job)], JobState.ABORTED, BECAUSE) == []
    assert told(session, job) == events
    assert session.get_one(StageLoad, stage.stage_id).running_jobs == 0


def test_finished_job_keeps_its_files_when_it_is_to_end(session: Session) -> None:
    _, job, file_ids = make_running(session)
    results.begin_outputting(session, _job(job), file_ids, BECAUSE)
    moves.move_jobs(session, [_job(job)], JobState.FINISHED, BECAUSE)
    assert results.end_jobs(session, [_job(job)], JobState.STALLED, BECAUSE) == []
    assert states(session, file_ids) == [FileState.OUTPUTTING] * 2


def test_job_that_ends_in_two_ways_at_once_ends_in_one(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage, job, file_ids = make_running(session, 20)
        results.begin_outputting(session, _job(job), file_ids, BECAUSE)
        upload(session, stage, job)

    def end(number: int) -> bool:
        with database.session(fresh_database) as session:
            if number % 2:
                return results.finish_job(session, _job(job), BECAUSE)
            return bool(results.end_jobs(session, [_job(job)], JobState.STALLED, BECAUSE))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(end, range(8))) == 1
    with database.session(fresh_database) as session:
        finished = session.get_one(Job, _job(job)).state == JobState.FINISHED
        assert set(states(session, file_ids)) == {FileState.OUTPUTTING if finished else FileState.UNALLOCATED}


def test_users_who_fail_files_and_jobs_that_report_do_not_block_each_other(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        made = [make_running(session, 20) for _ in range(6)]

    def report(job_id: int, file_ids: list[int]) -> None:
        with database.session(fresh_database) as session:
            results.begin_outputting(session, job_id, file_ids[10:], BECAUSE)

    def fail(file_ids: list[int]) -> None:
        with database.session(fresh_database) as session:
            moves.move_files(session, file_ids, FileState.FAILED, BECAUSE)

    with ThreadPoolExecutor(12) as pool:
        reports = [pool.submit(report, _job(job), file_ids) for _, job, file_ids in made]
        failures = [pool.submit(fail, file_ids) for _, _, file_ids in made]
        for future in [*reports, *failures]:
            future.result()
    with database.session(fresh_database) as session:
        for _, _, file_ids in made:
            assert set(states(session, file_ids)) == {FileState.FAILED}


def test_crash_before_the_commit_leaves_nothing_half(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage, job, file_ids = make_running(session)
    with Session(fresh_database.engine, expire_on_commit=False) as session:
        results.begin_outputting(session, _job(job), file_ids, BECAUSE)
        upload(session, stage, job)
        results.finish_job(session, _job(job), BECAUSE)
        session.rollback()
    with database.session(fresh_database) as session:
        assert states(session, file_ids) == [FileState.ALLOCATED] * 2
        assert session.exec(select(Outbox)).all() == []
        assert told(session, job) == []


def _key(file: File) -> int:
    assert file.file_id is not None
    return file.file_id


def _job(job: Job) -> int:
    assert job.job_id is not None
    return job.job_id

"""Jobs that are silent, surplus, or over and still in the pool."""

from datetime import UTC, datetime, timedelta

import pytest

from justin.states import ACTIVE_JOB_STATES, TERMINAL_JOB_STATES, FileState, JobState, WorkflowState
from models import watching
from models.database import Session
from models.jobs import PoolMark
from models.watching import UseOfJobs
from models.workflows import Workflow
from tests.support.makers import key, make_files, make_job, make_stage, make_workflow

LONG_AGO = datetime.now(UTC) - timedelta(hours=2)
SCHEDD = "pool"
"""Of the jobs that are made here."""


@pytest.mark.parametrize("state", sorted(JobState))
def test_running_jobs_are_stale_when_silent(session: Session, state: JobState) -> None:
    stage = make_stage(session)
    silent = make_job(session, stage, state=state, heartbeat_at=LONG_AGO)
    never_heard = make_job(session, stage, state=state, started_at=LONG_AGO)
    make_job(session, stage, state=state, started_at=LONG_AGO, heartbeat_at=datetime.now(UTC))
    found = [job.job_id for job in watching.stale_jobs(session, 3600)]
    assert found == ([silent.job_id, never_heard.job_id] if state in ACTIVE_JOB_STATES else [])


def test_live_jobs_come_in_pages(session: Session) -> None:
    two_hours_ago = datetime.now(UTC) - timedelta(hours=2)
    jobs = [make_job(session, submitted_at=two_hours_ago) for _ in range(3)]
    make_job(session, make_stage(session), state=JobState.FINISHED)
    first = watching.live_jobs(session, [SCHEDD], limit=2)
    rest = watching.live_jobs(session, [SCHEDD], after=first[-1].job_id, limit=2)
    assert [job.job_id for job in (*first, *rest)] == [job.job_id for job in jobs]
    assert all(7190 < job.silent_seconds < 7300 for job in first)


def test_jobs_beyond_the_waiting_files_are_surplus(session: Session) -> None:
    stage = make_stage(session)
    make_files(session, stage, 2)
    make_files(session, stage, 2, state=FileState.ALLOCATED)
    jobs = [make_job(session, hint_stage_id=stage.stage_id) for _ in range(5)]
    make_job(session, stage, hint_stage_id=stage.stage_id)
    assert [job.job_id for job in watching.surplus_jobs(session)] == [job.job_id for job in reversed(jobs[2:])]
    assert watching.surplus_jobs(session, seconds=60) == []


def test_jobs_that_fail_often_or_are_counted_on_by_others_are_kept(session: Session) -> None:
    stage = make_stage(session)
    make_files(session, stage, 2)
    for _ in range(9):
        make_job(session, hint_stage_id=stage.stage_id)

    def surplus(files: float = 1.0, success: float = 1.0, lent: int = 0) -> int:
        return len(watching.surplus_jobs(session, of_use=[UseOfJobs(key(stage.stage_id), files, success, lent)]))

    assert [surplus(1.0), surplus(20.0), surplus(0.7), surplus(0.5)] == [7, 7, 6, 5]
    assert [surplus(success=0.5), surplus(success=0.3), surplus(0.7, 0.6)] == [5, 2, 4]
    assert [surplus(lent=3), surplus(lent=7), surplus(lent=70)] == [4, 0, 0]
    session.get_one(Workflow, stage.workflow_id).state = WorkflowState.PAUSED
    assert surplus(success=0.1, lent=70) == 9


@pytest.mark.parametrize("state", sorted(set(WorkflowState) - {WorkflowState.RUNNING}))
def test_every_job_for_a_workflow_that_does_not_run_is_surplus(session: Session, state: WorkflowState) -> None:
    stage = make_stage(session, make_workflow(session, state=state))
    make_files(session, stage, 2)
    job = make_job(session, hint_stage_id=stage.stage_id)
    assert [each.job_id for each in watching.surplus_jobs(session)] == [job.job_id]


@pytest.mark.parametrize("state", sorted(TERMINAL_JOB_STATES))
def test_ended_jobs_are_in_the_pool_until_noted_otherwise(session: Session, state: JobState) -> None:
    stage = make_stage(session)
    jobs = [make_job(session, stage, state=state, finished_at=datetime.now(UTC)) for _ in range(2)]
    make_job(session, stage)
    left = watching.jobs_left_in_pool(session)
    assert all(0 <= job.ended_seconds < 600 and job.log_tries == 0 for job in left)
    assert [(job.job_id, job.state) for job in left] == [(job.job_id, state) for job in jobs]
    watching.left_pool(session, [jobs[0].job_id or 0])
    assert [job.job_id for job in watching.jobs_left_in_pool(session)] == [jobs[1].job_id]


def test_jobs_are_listed_for_their_schedd(session: Session) -> None:
    names = ["1.0@one", "2.0@two", "3.0@slot1@one", "4.0"]
    jobs = dict(zip(names, [make_job(session, jobsub_id=name) for name in names], strict=True))
    make_job(session, make_stage(session), state=JobState.FINISHED, jobsub_id="5.0@three")

    assert [each.schedd for each in watching.live_schedds(session, 600)] == ["", "one", "slot1@one", "two"]
    for schedds, listed in {("one",): ["1.0@one"], ("slot1@one", ""): ["3.0@slot1@one", "4.0"]}.items():
        assert [job.jobsub_id for job in watching.live_jobs(session, schedds)] == listed
    named = watching.named_jobs(session, ["2.0@two", "5.0@three", "9.0@nowhere"])
    assert [job.job_id for job in named] == [jobs["2.0@two"].job_id]


def test_a_schedd_is_due_until_all_its_jobs_were_looked_at_and_again_after_a_while(session: Session) -> None:
    make_job(session)

    def known(seconds: float = 600) -> tuple[float | None, bool]:
        (found,) = watching.live_schedds(session, seconds)
        return found.mark_seconds, found.is_due

    assert known() == (None, True)
    watching.put_mark(session, SCHEDD, 1000.5, looked=True)
    assert known() == (1000.5, False)
    assert known(seconds=0) == (1000.5, True)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    session.get_one(PoolMark, SCHEDD).looked_at = long_ago
    session.flush()
    assert known() == (1000.5, True)
    # Changes alone leave it due.
    watching.put_mark(session, SCHEDD, 2000, looked=False)
    assert known() == (2000, True)
    # A clock that was set back is followed.
    watching.put_mark(session, SCHEDD, 1500, looked=True)
    assert known() == (1500, False)


def test_jobs_that_wait_for_a_slot_for_too_long_come_in_pages(session: Session) -> None:
    jobs = [make_job(session, submitted_at=LONG_AGO) for _ in range(3)]
    make_job(session)
    make_job(session, make_stage(session), submitted_at=LONG_AGO)
    first = watching.unstarted_jobs(session, 3600, limit=2)
    rest = watching.unstarted_jobs(session, 3600, after=first[-1].job_id, limit=2)
    assert [job.job_id for job in (*first, *rest)] == [job.job_id for job in jobs]


def test_logs_are_put_off_for_longer_and_longer(session: Session) -> None:
    one, other = (make_job(session, state=JobState.REMOVED, finished_at=datetime.now(UTC)) for _ in range(2))
    pauses = []
    for tries in range(1, 9):
        assert watching.put_logs_off(session, [key(one.job_id)], 60, tried=True) == {one.job_id: tries}
        assert [job.job_id for job in watching.jobs_left_in_pool(session)] == [other.job_id]
        session.refresh(one)
        assert one.logs_due_at
        pauses.append(round((one.logs_due_at - datetime.now(UTC)).total_seconds() / 60))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    # Silence of the pool is no try.
    assert watching.put_logs_off(session, [key(one.job_id)], 60, tried=False) == {one.job_id: 8}
    one.logs_due_at = LONG_AGO
    session.flush()
    assert [job.log_tries for job in watching.jobs_left_in_pool(session)] == [8, 0]

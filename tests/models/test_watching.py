"""Jobs that are silent, surplus, or over and still in the pool."""

from datetime import UTC, datetime, timedelta

import pytest

from justin.states import ACTIVE_JOB_STATES, TERMINAL_JOB_STATES, FileState, JobState, WorkflowState
from models import watching
from models.database import Session
from models.watching import UseOfJobs
from models.workflows import Workflow
from tests.support.makers import key, make_files, make_job, make_stage, make_workflow

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(hours=2)


@pytest.mark.parametrize("state", sorted(JobState))
def test_running_jobs_are_stale_when_silent(session: Session, state: JobState) -> None:
    stage = make_stage(session)
    silent = make_job(session, stage, state=state, heartbeat_at=LONG_AGO)
    never_heard = make_job(session, stage, state=state, started_at=LONG_AGO)
    make_job(session, stage, state=state, started_at=LONG_AGO, heartbeat_at=NOW)
    found = [job.job_id for job in watching.stale_jobs(session, 3600)]
    assert found == ([silent.job_id, never_heard.job_id] if state in ACTIVE_JOB_STATES else [])


def test_live_jobs_come_in_pages(session: Session) -> None:
    two_hours_ago = datetime.now(UTC) - timedelta(hours=2)
    jobs = [make_job(session, submitted_at=two_hours_ago) for _ in range(3)]
    make_job(session, make_stage(session), state=JobState.FINISHED)
    first = watching.live_jobs(session, limit=2)
    rest = watching.live_jobs(session, after=first[-1].job_id, limit=2)
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
    jobs = [make_job(session, stage, state=state, finished_at=NOW) for _ in range(2)]
    make_job(session, stage)
    left = watching.jobs_left_in_pool(session)
    assert [(job.job_id, job.state) for job in left] == [(job.job_id, state) for job in jobs]
    watching.left_pool(session, [jobs[0].job_id or 0])
    assert [job.job_id for job in watching.jobs_left_in_pool(session)] == [jobs[1].job_id]

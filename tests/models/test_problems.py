"""How jobscripts end counts from the last (re)start on, and only where it says something of the jobscript."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from justin.states import ACTIVE_JOB_STATES, JobState, WorkflowState
from models import problems, reports
from models.database import Session
from models.problems import JobscriptEnd
from models.workflows import Stage
from tests.support.makers import key, make_job, make_stage, make_workflow

NOW = datetime.now(UTC)
BEFORE, STARTED, AFTER = NOW - timedelta(hours=2), NOW - timedelta(hours=1), NOW - timedelta(minutes=5)
COUNTED = {
    JobState.FINISHED,
    JobState.JOBSCRIPT_ERROR,
    JobState.NO_INPUT_REQUESTED,
    JobState.NONE_PROCESSED,
    JobState.TIMED_OUT,
    JobState.OUTPUTTING_FAILED,
}


def a_stage(session: Session, **workflow: Any) -> Stage:
    return make_stage(session, make_workflow(session, started_at=STARTED, **workflow))


def test_ends_are_counted_from_the_last_start_on(session: Session) -> None:
    stage = a_stage(session)
    make_job(session, stage, state=JobState.JOBSCRIPT_ERROR, started_at=BEFORE, finished_at=BEFORE)
    make_job(session, stage, state=JobState.JOBSCRIPT_ERROR, started_at=BEFORE, finished_at=AFTER)
    bad = [
        make_job(session, stage, state=JobState.JOBSCRIPT_ERROR, started_at=AFTER, finished_at=AFTER) for _ in range(4)
    ][::-1]
    (good,) = [make_job(session, stage, state=JobState.FINISHED, finished_at=AFTER)]
    assert problems.jobscript_ends(session) == [
        JobscriptEnd(
            stage.workflow_id,
            JobState.JOBSCRIPT_ERROR,
            4,
            5,
            [key(job.job_id) for job in bad],
            [job.jobsub_id for job in bad],
        ),
        JobscriptEnd(stage.workflow_id, JobState.FINISHED, 1, 5, [key(good.job_id)], [good.jobsub_id]),
    ]


@pytest.mark.parametrize("state", sorted(set(JobState) - ACTIVE_JOB_STATES - {JobState.SUBMITTED}))
def test_ends_of_the_system_do_not_count(session: Session, state: JobState) -> None:
    make_job(session, a_stage(session), state=state, started_at=AFTER, finished_at=AFTER)
    assert [end.state for end in problems.jobscript_ends(session)] == ([state] if state in COUNTED else [])


def test_refused_jobs_do_not_count(session: Session) -> None:
    job = make_job(session, a_stage(session), state=JobState.JOBSCRIPT_ERROR, started_at=AFTER, finished_at=AFTER)
    for _ in range(2):
        reports.note_refusal(session, key(job.job_id))
    assert problems.jobscript_ends(session) == []


def test_only_running_workflows_are_looked_at(session: Session) -> None:
    stage = a_stage(session, state=WorkflowState.PAUSED)
    make_job(session, stage, state=JobState.JOBSCRIPT_ERROR, started_at=AFTER, finished_at=AFTER)
    assert problems.jobscript_ends(session) == []


def test_logs_are_those_of_the_jobscripts(session: Session) -> None:
    stage = a_stage(session)
    first, second = (make_job(session, stage) for _ in range(2))
    for job, text in ((first, "one"), (second, "two")):
        reports.save_log(session, key(job.job_id), reports.JOBSCRIPT_LOG, text)
        reports.save_log(session, key(job.job_id), "wrapper", "other")
    assert problems.jobscript_logs(session, [key(first.job_id), key(second.job_id)]) == ["two", "one"]
    assert problems.jobscript_logs(session, []) == []

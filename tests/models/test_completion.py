"""Workflows that are done, those that wait for something."""

from datetime import UTC, datetime
from typing import Any

import pytest

from justin.states import ACTIVE_JOB_STATES, TERMINAL_FILE_STATES, FileState, JobState, WorkflowState
from models import completion
from models.database import Session
from models.workflows import Stage
from tests.support.makers import make_files, make_job, make_stage, make_workflow

NOW = datetime.now(UTC)


def stage_of(session: Session, state: WorkflowState = WorkflowState.RUNNING, **values: Any) -> Stage:
    return make_stage(session, make_workflow(session, state=state, **values))


@pytest.mark.parametrize("state", sorted(FileState))
def test_a_workflow_is_done_when_every_file_is(session: Session, state: FileState) -> None:
    stage = stage_of(session)
    make_files(session, stage, 2, state=FileState.PROCESSED)
    make_files(session, stage, 1, state=state)
    done = completion.workflows_done(session)
    assert done == ([stage.workflow_id] if state in TERMINAL_FILE_STATES else [])


def test_a_workflow_that_still_looks_for_files_is_not_done(session: Session) -> None:
    stage_of(session, refind_next_at=NOW)
    assert completion.workflows_done(session) == []


@pytest.mark.parametrize("state", sorted(WorkflowState))
def test_only_running_workflows_can_be_done(session: Session, state: WorkflowState) -> None:
    stage = stage_of(session, state)
    expected = [stage.workflow_id] if state is WorkflowState.RUNNING else []
    assert completion.workflows_done(session) == expected


@pytest.mark.parametrize("state", [WorkflowState.FINISHING, WorkflowState.CANCELLING])
def test_an_ending_workflow_waits_for_its_jobs_and_outputs(session: Session, state: WorkflowState) -> None:
    stage = stage_of(session, state)
    job = make_job(session, stage, state=JobState.FINISHED)
    assert completion.workflows_ending(session) == [stage.workflow_id]
    for active in sorted(ACTIVE_JOB_STATES):
        job.state = active
        session.flush()
        assert completion.workflows_ending(session) == []
    job.state = JobState.FINISHED
    make_files(session, stage, 1, state=FileState.UPLOADED)
    assert completion.workflows_ending(session) == []


def test_a_retried_file_brings_a_finishing_workflow_back(session: Session) -> None:
    stage = stage_of(session, WorkflowState.FINISHING)
    make_files(session, stage, 1, state=FileState.FINDING)
    assert completion.workflows_ending(session) == []
    assert completion.workflows_resuming(session) == [stage.workflow_id]


def test_waiting_files_do_not_keep_a_cancelled_workflow(session: Session) -> None:
    stage = stage_of(session, WorkflowState.CANCELLING)
    make_files(session, stage, 1)
    assert completion.workflows_ending(session) == [stage.workflow_id]
    assert completion.workflows_resuming(session) == []


def test_queued_jobs_of_ending_workflows(session: Session) -> None:
    ending, running = stage_of(session, WorkflowState.CANCELLING), stage_of(session)
    job = make_job(session, hint_stage_id=ending.stage_id)
    make_job(session, hint_stage_id=running.stage_id)
    assert [each.job_id for each in completion.queued_for_ending(session)] == [job.job_id]

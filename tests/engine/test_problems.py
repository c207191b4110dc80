"""Workflows whose jobs all go wrong are paused, with words that help, and counted anew after a restart."""

from datetime import UTC, datetime, timedelta

import pytest

from engine import problems
from engine.problems import Paused
from engine.runtime import Runtime
from justin.states import JobState, WorkflowState
from models import moves
from models.moves import Reason
from models.workflows import Workflow
from tests.support.makers import make_job, make_stage, make_workflow

LIMIT = 10


def make_ends(runtime: Runtime, **ends: int) -> int:
    """Make a workflow of which so many jobs ended so."""
    with runtime.session() as session:
        workflow = make_workflow(session, started_at=datetime.now(UTC) - timedelta(hours=1))
        stage = make_stage(session, workflow)
        for state, count in ends.items():
            for _ in range(count):
                make_job(session, stage, state=JobState(state), finished_at=datetime.now(UTC))
        assert workflow.workflow_id is not None
        return workflow.workflow_id


@pytest.mark.parametrize("end", ["jobscript_error", "no_input_requested", "none_processed"])
def test_most_jobs_going_wrong_alike_pauses(runtime: Runtime, end: str) -> None:
    workflow_id = make_ends(runtime, **{end: LIMIT, "finished": LIMIT - 1})
    assert problems.pause_workflows(runtime) == Paused((workflow_id,))
    with runtime.session() as session:
        workflow = session.get_one(Workflow, workflow_id)
    assert workflow.state == WorkflowState.PAUSED
    assert "10 of the last 19 jobs" in workflow.state_message
    assert "@pool" in workflow.state_message
    assert problems.pause_workflows(runtime) == Paused()


@pytest.mark.parametrize(
    "ends",
    [
        {"jobscript_error": LIMIT - 1},
        {"jobscript_error": LIMIT, "finished": LIMIT},
        {"jobscript_error": LIMIT, "none_processed": LIMIT},
        {"stalled": 2 * LIMIT},
        {"aborted": 2 * LIMIT},
        {"finished": 2 * LIMIT},
    ],
)
def test_other_ends_do_not_pause(runtime: Runtime, ends: dict[str, int]) -> None:
    make_ends(runtime, **ends)
    assert not problems.pause_workflows(runtime)


def test_a_restart_wipes_the_slate(runtime: Runtime) -> None:
    workflow_id = make_ends(runtime, jobscript_error=LIMIT)
    problems.pause_workflows(runtime)
    with runtime.session() as session:
        moves.move_workflows(session, [workflow_id], WorkflowState.RUNNING, Reason("alice"))
    assert not problems.pause_workflows(runtime)

"""Workflows whose jobs all go wrong are paused, by one of three rules, and counted anew after a restart."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from engine import problems
from engine.problems import RULES, Paused, Rule
from engine.runtime import Runtime
from engine.settings import Problems
from justin.states import EventType, JobState, WorkflowState
from models import moves, reports
from models.moves import Reason
from models.problems import JobscriptEnd
from models.records import Event
from models.workflows import Workflow
from tests.support.makers import key, make_job, make_stage, make_workflow

LIMIT = 10
BAD = [rule.state for rule in RULES]


def make_ends(runtime: Runtime, ends: Mapping[str, int], *, refused: bool = False) -> int:
    """Make a workflow of which so many jobs ended so."""
    with runtime.session() as session:
        workflow = make_workflow(session, started_at=datetime.now(UTC) - timedelta(hours=1))
        stage = make_stage(session, workflow)
        now = datetime.now(UTC)
        for state, count in ends.items():
            for _ in range(count):
                job = make_job(
                    session, stage, state=JobState(state), started_at=now, finished_at=now, was_refused=refused
                )
                reports.save_log(session, key(job.job_id), reports.JOBSCRIPT_LOG, f"step {count}\nError: no disk\n")
        return key(workflow.workflow_id)


def test_there_is_a_rule_for_each_way_to_go_wrong() -> None:
    assert BAD == [JobState.JOBSCRIPT_ERROR, JobState.NO_INPUT_REQUESTED, JobState.NONE_PROCESSED]
    # Whether there is access to scratch space is known before jobs end badly for want of it.
    assert {rule.event_type for rule in RULES} == moves.PROBLEM_EVENTS - {EventType.PAUSED_NO_SCRATCH_ACCESS}
    assert len({rule.sentence for rule in RULES}) == len({rule.advice for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.state)
@pytest.mark.parametrize(
    ("bad", "good", "breaks"),
    [
        (9, 0, False),
        (10, 0, True),
        (11, 0, True),
        (9, 8, False),
        (10, 9, True),
        (10, 10, False),
        (11, 10, True),
        (10, 11, False),
        (11, 11, False),
        (1000, 1000, False),
        (1001, 1000, True),
    ],
)
def test_a_rule_needs_ten_jobs_and_a_majority(rule: Rule, bad: int, good: int, breaks: bool) -> None:
    end = JobscriptEnd(1, rule.state, bad, bad + good, [], [])
    assert problems.breaks(rule, end, Problems()) == breaks
    others = [other for other in RULES if other != rule]
    assert not any(problems.breaks(other, end, Problems()) for other in others)


@pytest.mark.parametrize(
    ("limits", "breaks"),
    [(Problems(jobs=5), True), (Problems(jobs=6), False), (Problems(jobs=1, share=0.9), False)],
)
def test_thresholds_are_settings(limits: Problems, breaks: bool) -> None:
    end = JobscriptEnd(1, JobState.JOBSCRIPT_ERROR, 5, 6, [], [])
    assert problems.breaks(RULES[0], end, limits) == breaks


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.state)
def test_most_jobs_going_wrong_alike_pauses(runtime: Runtime, rule: Rule) -> None:
    workflow_id = make_ends(runtime, {rule.state: LIMIT, "finished": LIMIT - 1})
    assert problems.pause_workflows(runtime) == Paused((workflow_id,))
    with runtime.session() as session:
        workflow = session.get_one(Workflow, workflow_id)
        (event,) = session.exec(select(Event).where(Event.workflow_id == workflow_id)).all()
    assert workflow.state == WorkflowState.PAUSED
    assert "10 of the last 19 jobs" in workflow.state_message
    assert rule.sentence in workflow.state_message
    assert "They say: Error: no disk." in workflow.state_message
    assert workflow.state_message.count("@pool") == 3
    assert event.event_type is rule.event_type
    assert event.details is not None
    assert (event.details["jobs"], event.details["all_jobs"], event.details["state"]) == (10, 19, rule.state)
    assert len(event.details["examples"]) == 3
    assert event.details["error_lines"] == ["Error: no disk"]
    assert problems.pause_workflows(runtime) == Paused()


@pytest.mark.parametrize(
    "ends",
    [
        {"jobscript_error": LIMIT - 1},
        {"jobscript_error": LIMIT, "finished": LIMIT},
        {"jobscript_error": LIMIT, "none_processed": LIMIT},
        {"jobscript_error": LIMIT - 1, "none_processed": LIMIT - 1, "no_input_requested": LIMIT - 1},
        {"stalled": 2 * LIMIT},
        {"aborted": 2 * LIMIT},
        {"notused": 2 * LIMIT},
        {"finished": 2 * LIMIT},
    ],
)
def test_other_ends_do_not_pause(runtime: Runtime, ends: dict[str, int]) -> None:
    make_ends(runtime, ends)
    assert not problems.pause_workflows(runtime)


@pytest.mark.parametrize("state", BAD)
def test_refusals_by_the_system_do_not_pause(runtime: Runtime, state: JobState) -> None:
    make_ends(runtime, {state: 2 * LIMIT}, refused=True)
    assert not problems.pause_workflows(runtime)


@pytest.mark.parametrize(("more", "paused"), [(LIMIT - 1, False), (LIMIT, True)])
def test_a_restart_wipes_the_slate(runtime: Runtime, more: int, paused: bool) -> None:
    workflow_id = make_ends(runtime, {"jobscript_error": LIMIT})
    problems.pause_workflows(runtime)
    with runtime.session() as session:
        moves.move_workflows(session, [workflow_id], WorkflowState.RUNNING, Reason("alice"))
        stage = make_stage(session, session.get_one(Workflow, workflow_id), stage_number=2)
    assert not problems.pause_workflows(runtime)
    with runtime.session() as session:
        now = datetime.now(UTC)
        for _ in range(more):
            make_job(session, stage, state=JobState.JOBSCRIPT_ERROR, started_at=now, finished_at=now)
    assert bool(problems.pause_workflows(runtime)) == paused
    assert pauses(runtime, workflow_id) == 1 + paused


def pauses(runtime: Runtime, workflow_id: int) -> int:
    with runtime.session() as session:
        wanted = select(Event).where(
            Event.workflow_id == workflow_id, Event.event_type == EventType.PAUSED_JOBSCRIPT_ERRORS
        )
        return len(session.exec(wanted).all())

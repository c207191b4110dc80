"""Waiting for a workflow, with progress, through outages, within limits."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from justin.errors import NoConnection, Unavailable, WaitedTooLong
from justin.schemas.views import WorkflowView
from justin.states import TERMINAL_WORKFLOW_STATES, WorkflowState


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait for the workflow and for a server that does not answer, and how often to look."""

    timeout_seconds: float | None
    poll_seconds: float
    outage_seconds: float


def until(
    look: Callable[[], WorkflowView],
    states: Collection[WorkflowState],
    limits: Limits,
    on_progress: Callable[[WorkflowView], None] | None,
) -> WorkflowView:
    """Look again and again until the workflow is in one of the states, or in one that it cannot leave."""
    ends = frozenset(states) | TERMINAL_WORKFLOW_STATES
    begun = answered = time.monotonic()
    seen: WorkflowView | None = None
    while True:
        try:
            workflow = look()
        except (NoConnection, Unavailable):
            if time.monotonic() - answered > limits.outage_seconds:
                raise
        else:
            answered = time.monotonic()
            if on_progress and workflow != seen:
                on_progress(workflow)
            seen = workflow
            if workflow.state in ends:
                return workflow
        _pause(begun, limits, seen)


def _pause(begun: float, limits: Limits, seen: WorkflowView | None) -> None:
    """Sleep until it is time to look again; raises WaitedTooLong when no time is left."""
    left = float("inf") if limits.timeout_seconds is None else begun + limits.timeout_seconds - time.monotonic()
    if left <= 0:
        state = f"is {seen.state}" if seen else "was not seen"
        raise WaitedTooLong(f"the workflow {state} after waiting for {limits.timeout_seconds:g} s", seen)
    time.sleep(min(limits.poll_seconds, left))

"""Counts by state in one line, and how far they are."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from justin.cli.quantities import NOTHING
from justin.schemas.views import StageView, WorkflowView
from justin.states import FileState

State = TypeVar("State", bound=StrEnum)

_DONE = (FileState.PROCESSED,)
_LOST = (FileState.FAILED, FileState.NOTFOUND)


def tally(counts: Mapping[State, int]) -> str:
    """Write counts such as `3 processed, 2 failed`, in the order of the states, without those that are zero."""
    order = list(type(next(iter(counts)))) if counts else []
    return ", ".join(f"{counts[state]} {state}" for state in order if counts.get(state)) or NOTHING


def total(stage: StageView) -> int:
    """Count the stage's inputs that are known so far."""
    return sum(stage.files.values())


def processed(stage: StageView) -> int:
    """Count the stage's inputs that are done."""
    return sum(stage.files.get(state, 0) for state in _DONE)


def lost(stage: StageView) -> int:
    """Count the stage's inputs that were given up."""
    return sum(stage.files.get(state, 0) for state in _LOST)


def all_processed(workflow: WorkflowView) -> bool:
    """Say whether every input of every stage was processed."""
    return all(processed(stage) == total(stage) for stage in workflow.stages)


def fraction(stage: StageView) -> str:
    """Write how many of the known inputs are processed."""
    given_up = f" ({lost(stage)} given up)" if lost(stage) else ""
    return f"{processed(stage)}/{total(stage)}{given_up}"

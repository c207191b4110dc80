"""The one door for states: which moves are allowed, which event each writes, and the functions that make them.

Locks are taken in the order jobs, files, stage loads, quota loads, and within each in the order of ids. A
transaction that makes several moves keeps to that order too: then no two of them wait for each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from typing import Any, Final, TypeVar

from justin.states import (
    TERMINAL_JOB_STATES,
    TERMINAL_WORKFLOW_STATES,
    EventType,
    FileState,
    JobState,
    LogsState,
    OutboxState,
    Source,
    WorkflowState,
)
from models.database import Session
from models.statements import Statement, jsonb, load

State = TypeVar("State", bound=StrEnum)
Moves = Mapping[State, frozenset[State]]

_ENDS: Final = TERMINAL_JOB_STATES - {JobState.NOTUSED, JobState.FINISHED}

WORKFLOW_MOVES: Final[Moves[WorkflowState]] = {
    WorkflowState.DRAFT: frozenset({WorkflowState.SUBMITTED, WorkflowState.CANCELLING}),
    WorkflowState.SUBMITTED: frozenset({WorkflowState.RUNNING, WorkflowState.CANCELLING, WorkflowState.FAILED}),
    WorkflowState.RUNNING: frozenset(
        {WorkflowState.PAUSED, WorkflowState.FINISHING, WorkflowState.CANCELLING, WorkflowState.FAILED}
    ),
    WorkflowState.PAUSED: frozenset({WorkflowState.RUNNING, WorkflowState.CANCELLING}),
    WorkflowState.FINISHING: frozenset({WorkflowState.FINISHED, WorkflowState.RUNNING}),
    WorkflowState.CANCELLING: frozenset({WorkflowState.FINISHED}),
    WorkflowState.FINISHED: frozenset(),
    WorkflowState.FAILED: frozenset(),
}

FILE_MOVES: Final[Moves[FileState]] = {
    FileState.FINDING: frozenset({FileState.UNALLOCATED, FileState.NOTFOUND, FileState.FAILED}),
    FileState.UNALLOCATED: frozenset({FileState.ALLOCATED, FileState.FAILED}),
    FileState.ALLOCATED: frozenset({FileState.OUTPUTTING, FileState.UNALLOCATED, FileState.FAILED}),
    FileState.OUTPUTTING: frozenset({FileState.PROCESSED, FileState.UNALLOCATED, FileState.FAILED}),
    FileState.PROCESSED: frozenset(),
    FileState.NOTFOUND: frozenset({FileState.FINDING}),
    FileState.FAILED: frozenset({FileState.FINDING}),
    FileState.RECORDED: frozenset({FileState.UPLOADED, FileState.DROPPED}),
    FileState.UPLOADED: frozenset({FileState.OUTPUT, FileState.UNALLOCATED, FileState.DROPPED}),
    FileState.OUTPUT: frozenset(),
    FileState.DROPPED: frozenset(),
}

JOB_MOVES: Final[Moves[JobState]] = {
    JobState.SUBMITTED: frozenset(
        {JobState.STARTED, JobState.NOTUSED, JobState.REMOVED, JobState.STALLED, JobState.ABORTED}
    ),
    JobState.STARTED: frozenset({JobState.PROCESSING, JobState.OUTPUTTING}) | _ENDS,
    JobState.PROCESSING: frozenset({JobState.OUTPUTTING}) | _ENDS,
    JobState.OUTPUTTING: frozenset({JobState.FINISHED}) | _ENDS,
    **dict.fromkeys(TERMINAL_JOB_STATES, frozenset()),
}

OUTBOX_MOVES: Final[Moves[OutboxState]] = {
    # The outputs of a job together: they count all or not at all.
    OutboxState.WAITING: frozenset({OutboxState.DONE, OutboxState.REFUSED}),
    OutboxState.DONE: frozenset(),
    OutboxState.REFUSED: frozenset(),
}

LOGS_MOVES: Final[Moves[LogsState]] = {
    LogsState.OFFERED: frozenset({LogsState.WAITING}),
    LogsState.WAITING: frozenset({LogsState.DONE, LogsState.REFUSED}),
    LogsState.DONE: frozenset(),
    LogsState.REFUSED: frozenset(),
}

_HELD = (FileState.ALLOCATED, FileState.OUTPUTTING)
_INPUTS = (FileState.FINDING, FileState.UNALLOCATED, *_HELD)

FILE_EVENTS: Final[Mapping[tuple[FileState, FileState], EventType]] = {
    (FileState.FINDING, FileState.UNALLOCATED): EventType.FILE_LOCATED,
    (FileState.FINDING, FileState.NOTFOUND): EventType.FILE_NOTFOUND,
    (FileState.UNALLOCATED, FileState.ALLOCATED): EventType.FILE_ALLOCATED,
    (FileState.ALLOCATED, FileState.OUTPUTTING): EventType.FILE_OUTPUTTING,
    (FileState.OUTPUTTING, FileState.PROCESSED): EventType.FILE_PROCESSED,
    **dict.fromkeys(product(_HELD, [FileState.UNALLOCATED]), EventType.FILE_RELEASED),
    **dict.fromkeys(product(_INPUTS, [FileState.FAILED]), EventType.FILE_FAILED),
    **dict.fromkeys(product((FileState.NOTFOUND, FileState.FAILED), [FileState.FINDING]), EventType.FILE_RETRIED),
    (FileState.RECORDED, FileState.UPLOADED): EventType.OUTPUT_UPLOADED,
    (FileState.UPLOADED, FileState.OUTPUT): EventType.OUTPUT_REGISTERED,
    (FileState.UPLOADED, FileState.UNALLOCATED): EventType.OUTPUT_PASSED_ON,
    **dict.fromkeys(product((FileState.RECORDED, FileState.UPLOADED), [FileState.DROPPED]), EventType.OUTPUT_DROPPED),
}

SCRATCH_EVENTS: Final[Mapping[tuple[FileState, FileState], EventType]] = {
    (FileState.UPLOADED, FileState.OUTPUT): EventType.OUTPUT_IN_SCRATCH,
}
"""What a move is told as for an output of which no catalogue is told."""

JOB_EVENTS: Final[Mapping[tuple[JobState, JobState], EventType]] = {
    (source, target): EventType(f"job_{target}") for source, targets in JOB_MOVES.items() for target in targets
}

LOGS_EVENTS: Final[Mapping[tuple[LogsState, LogsState], EventType]] = {
    (LogsState.WAITING, LogsState.DONE): EventType.LOGS_REGISTERED,
    (LogsState.WAITING, LogsState.REFUSED): EventType.LOGS_REFUSED,
}

_WORKFLOW_WORDS: Final[Mapping[WorkflowState, EventType]] = {
    WorkflowState.SUBMITTED: EventType.WORKFLOW_SUBMITTED,
    WorkflowState.RUNNING: EventType.WORKFLOW_RESTARTED,
    WorkflowState.PAUSED: EventType.WORKFLOW_PAUSED,
    WorkflowState.CANCELLING: EventType.WORKFLOW_CANCELLED,
    WorkflowState.FINISHING: EventType.WORKFLOW_FINISHING,
    WorkflowState.FINISHED: EventType.WORKFLOW_FINISHED,
    WorkflowState.FAILED: EventType.WORKFLOW_FAILED,
}
WORKFLOW_EVENTS: Final[Mapping[tuple[WorkflowState, WorkflowState], EventType]] = {
    (source, target): _WORKFLOW_WORDS[target] for source, targets in WORKFLOW_MOVES.items() for target in targets
} | {(WorkflowState.SUBMITTED, WorkflowState.RUNNING): EventType.WORKFLOW_STARTED}

PROBLEM_EVENTS: Final = frozenset(
    {
        EventType.PAUSED_JOBSCRIPT_ERRORS,
        EventType.PAUSED_NO_INPUT_REQUESTED,
        EventType.PAUSED_NONE_PROCESSED,
        EventType.PAUSED_NO_SCRATCH_ACCESS,
    }
)
"""What a pause by the system is told as: one for each thing that a user would fix differently."""

_MOVE_FILES = load("move_files")
_MOVE_JOBS = load("move_jobs")
_MOVE_WORKFLOWS = load("move_workflows")


@dataclass(frozen=True, slots=True)
class Reason:
    """Who moves something, and why; what the event will tell."""

    actor: str
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    source: Source | None = None
    """By which way a person acted; None when it was no person."""

    def parameters(self) -> dict[str, object]:
        """Return the parameters that every statement which writes events takes."""
        details = {**self.details, "message": self.message} if self.message else self.details
        return {"actor": self.actor, "details": jsonb(details or None), "seconds": self.seconds, "source": self.source}


def move_files(session: Session, ids: Sequence[int], to: FileState, because: Reason) -> list[int]:
    """Move the files that may become `to`, log each move, and return those that moved."""
    return _move(session, _MOVE_FILES, ids, to, because, FILE_EVENTS)


def keep_in_scratch(session: Session, ids: Sequence[int], because: Reason) -> list[int]:
    """Let uploaded outputs of which no catalogue is told be outputs, log each, and return those that moved."""
    return _move(session, _MOVE_FILES, ids, FileState.OUTPUT, because, SCRATCH_EVENTS)


def move_jobs(session: Session, ids: Sequence[int], to: JobState, because: Reason) -> list[int]:
    """Move the jobs that may become `to`, log each move, and return those that moved.

    A job that ends leaves the counts of its stage and quota. Its files are not touched: see `results.end_jobs`.
    """
    parameters = {"message": because.message, "ends": to in TERMINAL_JOB_STATES}
    return _move(session, _MOVE_JOBS, ids, to, because, JOB_EVENTS, **parameters)


def move_workflows(session: Session, ids: Sequence[int], to: WorkflowState, because: Reason) -> list[int]:
    """Move the workflows that may become `to`, log each move, and return those that moved."""
    parameters = {"message": because.message, "ends": to in TERMINAL_WORKFLOW_STATES}
    return _move(session, _MOVE_WORKFLOWS, ids, to, because, WORKFLOW_EVENTS, **parameters)


def pause_problem_workflow(session: Session, workflow_id: int, event_type: EventType, because: Reason) -> bool:
    """Pause a running workflow, log it as one of `PROBLEM_EVENTS`, and return whether it was paused."""
    events = {(WorkflowState.RUNNING, WorkflowState.PAUSED): event_type}
    parameters = {"message": because.message, "ends": False}
    moved = _move(session, _MOVE_WORKFLOWS, [workflow_id], WorkflowState.PAUSED, because, events, **parameters)
    return bool(moved)


def sources(moves: Moves[State], to: State) -> list[State]:
    """Return the states from which `to` can be reached in one move."""
    return [state for state, targets in moves.items() if to in targets]


def _move(
    session: Session,
    statement: Statement,
    ids: Sequence[int],
    to: State,
    because: Reason,
    events: Mapping[tuple[State, State], EventType],
    **parameters: object,
) -> list[int]:
    allowed = {source: event for (source, target), event in events.items() if target == to}
    if not allowed or not ids:
        return []
    return statement.ids(
        session,
        ids=list(ids),
        target=to.value,
        sources=[source.value for source in allowed],
        event_types=[event.value for event in allowed.values()],
        **because.parameters(),
        **parameters,
    )

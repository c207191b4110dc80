"""Every pair of states, tried on PostgreSQL: a move happens if the tables allow it, with its event, else not at all."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

import models
from justin.states import (
    ACTIVE_JOB_STATES,
    TERMINAL_FILE_STATES,
    TERMINAL_JOB_STATES,
    TERMINAL_WORKFLOW_STATES,
    EventType,
    FileState,
    JobState,
    OutboxState,
    WorkflowState,
)
from models import database, events, moves
from models.database import Database, Session
from models.files import File
from models.jobs import QuotaLoad, StageLoad
from models.moves import Reason
from models.records import Event
from tests.support.makers import make_files, make_job, make_stage, make_workflow

BECAUSE = Reason("tester", "because we try", {"attempt": 1})

TABLES: dict[type[StrEnum], Mapping[Any, frozenset[Any]]] = {
    WorkflowState: moves.WORKFLOW_MOVES,
    FileState: moves.FILE_MOVES,
    JobState: moves.JOB_MOVES,
    OutboxState: moves.OUTBOX_MOVES,
}
FIRST: dict[type[StrEnum], set[Any]] = {
    WorkflowState: {WorkflowState.DRAFT},
    FileState: {FileState.FINDING, FileState.RECORDED},
    JobState: {JobState.SUBMITTED},
    OutboxState: {OutboxState.WAITING},
}


def events_of(session: Session, **where: int | None) -> list[Event]:
    name, key = next(iter(where.items()))
    return list(session.exec(select(Event).where(getattr(Event, name) == key).order_by(col(Event.event_id))).all())


@pytest.mark.parametrize("states", TABLES)
def test_table_says_where_each_state_leads(states: type[StrEnum]) -> None:
    assert set(TABLES[states]) == set(states)


@pytest.mark.parametrize("states", TABLES)
def test_every_state_can_be_reached(states: type[StrEnum]) -> None:
    reached: set[Any] = set(FIRST[states])
    while more := {to for state in reached for to in TABLES[states][state]} - reached:
        reached |= more
    assert reached == set(states)


@pytest.mark.parametrize(
    ("states", "ends"),
    [
        (WorkflowState, TERMINAL_WORKFLOW_STATES),
        (JobState, TERMINAL_JOB_STATES),
        (FileState, TERMINAL_FILE_STATES - {FileState.NOTFOUND, FileState.FAILED}),
    ],
)
def test_terminal_states_lead_nowhere(states: type[StrEnum], ends: frozenset[StrEnum]) -> None:
    assert {state for state in states if not TABLES[states][state]} == ends


def test_every_allowed_move_has_its_event() -> None:
    for table, known in (
        (moves.WORKFLOW_MOVES, moves.WORKFLOW_EVENTS),
        (moves.FILE_MOVES, moves.FILE_EVENTS),
        (moves.JOB_MOVES, moves.JOB_EVENTS),
    ):
        assert set(known) == {(source, to) for source, targets in dict(table).items() for to in targets}


def test_every_event_type_has_a_writer() -> None:
    tables: tuple[Mapping[Any, EventType], ...] = (
        moves.WORKFLOW_EVENTS,
        moves.FILE_EVENTS,
        moves.SCRATCH_EVENTS,
        moves.JOB_EVENTS,
        moves.LOGS_EVENTS,
    )
    moved = {event for table in tables for event in table.values()}
    written = {EventType(word) for word in EventType if f"'{word}'" in _sql_that_logs()}
    assert moved | moves.PROBLEM_EVENTS | events.NEW_EVENTS | written == set(EventType)


def test_what_has_no_statement_of_its_own_is_added_by_a_use_case() -> None:
    engine = "".join(path.read_text() for path in (Path(models.__file__).parents[1] / "engine").glob("*.py"))
    assert {
        each for each in events.NEW_EVENTS | moves.PROBLEM_EVENTS if f"EventType.{each.name}" not in engine
    } == set()


def _sql_that_logs() -> str:
    """Return the statements that write events, from where they do."""
    texts = [path.read_text() for path in sorted((Path(models.__file__).parent / "sql").glob("*.sql"))]
    return "".join(text[text.index("INSERT INTO events") :] for text in texts if "INSERT INTO events" in text)


@pytest.mark.parametrize(("was", "to"), list(product(FileState, FileState)))
def test_files_move_as_the_table_says(session: Session, was: FileState, to: FileState) -> None:
    stage = make_stage(session)
    (file,) = make_files(session, stage, state=was)
    moved = moves.move_files(session, [_key(file)], to, BECAUSE)
    session.refresh(file)
    allowed = to in moves.FILE_MOVES[was]
    assert moved == ([file.file_id] if allowed else [])
    assert file.state == (to if allowed else was)
    told = [(event.event_type, event.actor, event.details) for event in events_of(session, file_id=file.file_id)]
    said = {"attempt": 1, "message": "because we try"}
    assert told == ([(moves.FILE_EVENTS[was, to], "tester", said)] if allowed else [])


@pytest.mark.parametrize(("was", "to"), list(product(JobState, JobState)))
def test_jobs_move_as_the_table_says(session: Session, was: JobState, to: JobState) -> None:
    stage = make_stage(session)
    job = make_job(session, stage, state=was)
    moved = moves.move_jobs(session, [job.job_id or 0], to, BECAUSE)
    session.refresh(job)
    allowed = to in moves.JOB_MOVES[was]
    assert moved == ([job.job_id] if allowed else [])
    assert job.state == (to if allowed else was)
    assert (job.finished_at is not None) == (allowed and to in TERMINAL_JOB_STATES)
    told = [(event.event_type, event.site_id) for event in events_of(session, job_id=job.job_id)]
    assert told == ([(moves.JOB_EVENTS[was, to], job.site_id)] if allowed else [])


@pytest.mark.parametrize(("was", "to"), list(product(ACTIVE_JOB_STATES, JobState)))
def test_ended_jobs_are_no_longer_counted(session: Session, was: JobState, to: JobState) -> None:
    stage = make_stage(session)
    job = make_job(session, stage, state=was)
    other = make_job(session, stage, state=JobState.PROCESSING, asked_for_files=True)
    moves.move_jobs(session, [job.job_id or 0], to, BECAUSE)
    session.expire_all()
    left = 2 if job.state in ACTIVE_JOB_STATES else 1
    load = session.get_one(StageLoad, stage.stage_id)
    assert (load.running_jobs, load.unasked_jobs) == (left, left - 1)
    assert session.get_one(QuotaLoad, other.charged_quota_id).running_jobs == left


@pytest.mark.parametrize(("was", "to"), list(product(WorkflowState, WorkflowState)))
def test_workflows_move_as_the_table_says(session: Session, was: WorkflowState, to: WorkflowState) -> None:
    workflow = make_workflow(session, state=was)
    moved = moves.move_workflows(session, [workflow.workflow_id or 0], to, BECAUSE)
    session.refresh(workflow)
    allowed = to in moves.WORKFLOW_MOVES[was]
    assert moved == ([workflow.workflow_id] if allowed else [])
    assert workflow.state == (to if allowed else was)
    assert (workflow.finished_at is not None) == (allowed and to in TERMINAL_WORKFLOW_STATES)
    assert (workflow.submitted_at is not None) == (allowed and to == WorkflowState.SUBMITTED)
    told = [event.event_type for event in events_of(session, workflow_id=workflow.workflow_id)]
    assert told == ([moves.WORKFLOW_EVENTS[was, to]] if allowed else [])


def test_moving_twice_moves_once(session: Session) -> None:
    files = make_files(session, make_stage(session), 3)
    ids = [_key(file) for file in files]
    assert moves.move_files(session, ids, FileState.ALLOCATED, BECAUSE) == ids
    assert moves.move_files(session, ids, FileState.ALLOCATED, BECAUSE) == []


def test_retry_begins_with_a_clean_sheet(session: Session) -> None:
    stage = make_stage(session)
    (file,) = make_files(session, stage, state=FileState.FAILED, allocations=6, failed_site_id=1, failed_host="node1")
    moves.move_files(session, [_key(file)], FileState.FINDING, BECAUSE)
    session.refresh(file)
    assert (file.allocations, file.failed_site_id, file.failed_host) == (0, None, None)


def test_threads_that_move_the_same_files_move_each_once(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        ids = [_key(file) for file in make_files(session, make_stage(session), 200)]

    def move(number: int) -> list[int]:
        mine = ids if number % 2 else ids[::-1]
        with database.session(fresh_database) as session:
            return moves.move_files(session, mine, FileState.ALLOCATED, Reason(f"thread {number}"))

    with ThreadPoolExecutor(16) as pool:
        moved = [file_id for answer in pool.map(move, range(16)) for file_id in answer]
    assert Counter(moved) == Counter(ids)
    with database.session(fresh_database) as session:
        assert len(session.exec(select(Event).where(Event.event_type == EventType.FILE_ALLOCATED)).all()) == len(ids)


def test_events_that_moves_write_cannot_be_added_by_hand(session: Session) -> None:
    with pytest.raises(ValueError, match="written by the statement"):
        events.add(session, EventType.FILE_ALLOCATED, BECAUSE)


def _key(file: File) -> int:
    assert file.file_id is not None
    return file.file_id

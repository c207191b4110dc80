"""What the finder writes: the files that a query finds, and where they lie."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from models import placements, seed
from models.database import Session
from models.statements import Row, load, raw_connection

ACTOR: Final = "finder"

_DUE_WORKFLOWS = load("due_workflows")
_FINISH = load("finish_finding")
_NOTE = load("note_finding")
_COUNT_INPUTS = load("count_inputs")
_ADD_FILES = load("add_files")
_ADD_MONTE_CARLO = load("add_monte_carlo")
_STAGES_TO_LOCATE = load("stages_to_locate")
_FILES_TO_LOCATE = load("files_to_locate")
_LOCK_LOCATED = load("lock_located")
_ENSURE_PLACEMENTS = load("ensure_located_placements")
_PUT_REPLICAS = load("put_replicas")

_FOUND_FILES: Final = "found_files", "did text, size_bytes bigint"
_LOCATED_REPLICAS: Final = "located_replicas", "file_id bigint, rse text, wan_pfn text, lan_pfn text"
_LOCATED_FILES: Final = "located_files", "file_id bigint, place tid, storage_ids int[]"
# What the planner knows of a table is old while it is being filled, and reading all of it is never right here.
_BY_INDEX: Final = "SET LOCAL enable_seqscan = off"


@dataclass(frozen=True, slots=True)
class DueWorkflow:
    """A workflow whose files are to be looked for now."""

    workflow_id: int
    first_stage_id: int
    scope: str
    mql: str
    quota: str
    max_input_files: int
    began_at: datetime
    """When this search began, by the database's clock."""


@dataclass(frozen=True, slots=True)
class FileToLocate:
    """A file whose copies are to be looked for."""

    file_id: int
    did: str


@dataclass(frozen=True, slots=True)
class LocatedReplica:
    """A copy of a file that a catalogue knows."""

    file_id: int
    rse: str
    wan_pfn: str
    lan_pfn: str | None = None


@dataclass(frozen=True, slots=True)
class Located:
    """What became of files whose copies were looked for."""

    unallocated: int
    notfound: int


def due_workflows(session: Session, limit: int = 1000) -> list[DueWorkflow]:
    """List the running workflows whose files are to be looked for now, the most overdue first."""
    return [DueWorkflow(*row) for row in _DUE_WORKFLOWS.run(session, limit=limit)]


def finish(session: Session, workflow_id: int, began_at: datetime) -> datetime | None:
    """Note that a search for a workflow's files is done; return when the next is due, None when finding is over.

    The last search is one that began at the end of refinding, or after it. Repeating the call changes nothing.
    """
    rows = _FINISH.run(session, workflow_id=workflow_id, began_at=began_at)
    next_at: datetime | None = rows[0][0] if rows else None
    return next_at


def note(session: Session, workflow_id: int, message: str) -> None:
    """Tell the owner of a running workflow why its files are not found yet; `finish` takes it back."""
    _NOTE.run(session, workflow_id=workflow_id, message=message)


def count_inputs(session: Session, stage_id: int) -> int:
    """Count the inputs of a stage, processed ones included."""
    count: int = _COUNT_INPUTS.one(session, stage_id=stage_id)[0]
    return count


def add_files(session: Session, stage_id: int, files: Iterable[tuple[str, int | None]]) -> int:
    """Make files, given as DID and size in bytes, inputs of a stage; return how many of them are new.

    Those that the stage has already are left as they are. Tens of thousands at a time are best: a transaction of a
    million would run into the statement timeout.
    """
    _empty(session, *_FOUND_FILES)
    _copy(session, "found_files", files)
    count: int = _ADD_FILES.one(session, stage_id=stage_id, actor=ACTOR)[0]
    return count


def add_monte_carlo(session: Session, stage_id: int, count: int, first: int = 1) -> int:
    """Make counters, `count` of them from `first` on, inputs of a stage; return how many of them are new.

    They wait for jobs at once. Tens of thousands at a time are best.
    """
    storage_id = seed.ensure_monte_carlo(session)
    placement_id = placements.ensure(session, stage_id, [storage_id])
    place = {"storage_id": storage_id, "placement_id": placement_id}
    numbers = {"first": first, "last": first + count - 1}
    added: int = _ADD_MONTE_CARLO.one(session, stage_id=stage_id, actor=ACTOR, **place, **numbers)[0]
    return added


def stages_to_locate(session: Session, limit: int = 1000) -> list[int]:
    """List the stages of running workflows that have files in `finding`, by priority, equals shuffled."""
    return _STAGES_TO_LOCATE.ids(session, limit=limit)


def files_to_locate(session: Session, stage_id: int, after: int = 0, limit: int = 500) -> list[FileToLocate]:
    """List files of a stage that are in `finding`, with keys beyond `after`."""
    rows = _FILES_TO_LOCATE.run(session, stage_id=stage_id, after=after, limit=limit)
    return [FileToLocate(*row) for row in rows]


def put_replicas(
    session: Session, stage_id: int, file_ids: Sequence[int], replicas: Iterable[LocatedReplica]
) -> Located:
    """Keep where files lie, and let those wait for jobs that can be read at a known storage.

    `file_ids` are all files that the catalogue was asked about: those without a readable copy count as not found,
    as do those whose copies all lie where the stage takes no inputs from; the event says which. Copies that the
    catalogue no longer knows are forgotten. Files that have left `finding` meanwhile are left as they are. Thousands
    at a time are best.
    """
    rows = ((copy.file_id, copy.rse, copy.wan_pfn, copy.lan_pfn) for copy in replicas)
    raw_connection(session).execute(_BY_INDEX)
    _empty(session, *_LOCATED_REPLICAS)
    _empty(session, *_LOCATED_FILES)
    _copy(session, "located_replicas", rows)
    _LOCK_LOCATED.run(session, stage_id=stage_id, file_ids=list(file_ids))
    _ENSURE_PLACEMENTS.run(session)
    return Located(*_PUT_REPLICAS.one(session, stage_id=stage_id, actor=ACTOR))


def refresh_statistics(session: Session) -> None:
    """Let the planner look at the tables that finding fills, which autovacuum does a minute later at the earliest.

    To be called in a transaction of its own: what another session is just working on is left to it.
    """
    raw_connection(session).execute("ANALYZE (SKIP_LOCKED) files, replicas, stage_placements")


def _empty(session: Session, table: LiteralString, columns: LiteralString) -> None:
    """See that there is an empty temporary table of the connection; its rows go at the end of the transaction."""
    raw_connection(session).execute(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {table} ({columns}) ON COMMIT DELETE ROWS; TRUNCATE {table}"
    )


def _copy(session: Session, table: LiteralString, rows: Iterable[Row]) -> None:
    """Send rows into a temporary table."""
    with raw_connection(session).cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)

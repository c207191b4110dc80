"""Archived workflows leave the hot tables, a bounded batch at a time; who is killed leaves the rest to the next.

What belongs to a file, a job, a stage or a workflow is told by the tables' columns: a new table needs nothing here.
"""

from typing import Final

from models.database import Session
from models.statements import Statement, load
from models.tables import metadata

_LOCK = load("lock_archived")
_EMPTY_EVENTS = load("empty_events")
_FILES = load("archived_files")
_JOBS = load("archived_jobs")
_STAGES = load("archived_stages")
_NOTE_EMPTIED = load("note_emptied")

# In this order: what has a file belongs to that, whatever else it names.
OWNERS: Final = ("file_id", "job_id", "stage_id", "workflow_id")
_THINGS: Final = {"files": "file_id", "jobs": "job_id", "stages": "stage_id", "workflows": "workflow_id"}
_KEPT: Final = frozenset({"events", "archived_workflows"})


def belongings(column: str) -> list[str]:
    """Name the tables whose rows go with the thing of that key, those that refer to others of them first."""
    return [table.name for table in reversed(metadata.sorted_tables) if _owner(table.name) == column]


def _owner(name: str) -> str | None:
    if name in _KEPT or name in _THINGS:
        return None
    columns = metadata.tables[name].columns.keys()
    return next((owner for owner in OWNERS if owner in columns), None)


def _statements(thing: str) -> list[Statement]:
    column = _THINGS[thing]
    return [load("empty_table", table=name, column=column) for name in [*belongings(column), thing]]


_OF: Final = {thing: _statements(thing) for thing in _THINGS}


def empty(session: Session, workflow_id: int, limit: int) -> int:
    """Delete a batch of an archived workflow's rows; 0 when it is empty, and that is noted then.

    Its events go first, its own row and its stages last: until then it is known whose the others are.
    """
    locked = _LOCK.run(session, workflow_id=workflow_id)
    if not locked:
        return 0
    events = _EMPTY_EVENTS.ids(session, workflow_id=workflow_id, last_event_id=locked[0][0], limit=limit)
    if events:
        return len(events)
    for thing, batch in (("files", _FILES), ("jobs", _JOBS)):
        ids = batch.ids(session, workflow_id=workflow_id, limit=limit)
        if ids:
            _delete(session, thing, ids)
            return len(ids)
    stage_ids = _STAGES.ids(session, workflow_id=workflow_id)
    _delete(session, "stages", stage_ids)
    _delete(session, "workflows", [workflow_id])
    _NOTE_EMPTIED.run(session, workflow_id=workflow_id)
    return 0


def _delete(session: Session, thing: str, ids: list[int]) -> None:
    for statement in _OF[thing]:
        statement.run(session, ids=ids)

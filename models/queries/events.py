"""What happened."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Final

from justin.schemas.views import EventView
from justin.states import EventType
from models.database import Session
from models.statements import Statement, load

_BEYOND_ALL = 2**63 - 1

_FILTERS: Final[Mapping[str, str]] = {
    "workflow_id": "event.workflow_id = %(workflow_id)s::int",
    "stage_id": """event.stage_id IN (
        SELECT own.stage_id FROM stages AS own
        WHERE own.stage_number = %(stage_id)s::int
          AND (%(workflow_id)s::int IS NULL OR own.workflow_id = %(workflow_id)s::int))""",
    "job": "event.job_id = (SELECT own.job_id FROM jobs AS own WHERE own.jobsub_id = %(job)s)",
    "did": """event.file_id IN (
        SELECT taken.file_id FROM files AS taken
        WHERE taken.did = %(did)s
          AND taken.stage_id IN (SELECT own.stage_id FROM stages AS own WHERE own.workflow_id = %(workflow_id)s::int)
        UNION ALL
        SELECT made.file_id FROM files AS made
        WHERE made.did = %(did)s AND made.workflow_id = %(workflow_id)s::int AND made.creator_job_id IS NOT NULL)""",
    "event_type": "event.event_type = %(event_type)s::text",
    "site": "event.site_id = (SELECT own.site_id FROM sites AS own WHERE own.name = %(site)s)",
    "entry": "event.entry_name = %(entry)s::text",
    "rse": "event.storage_id = (SELECT own.storage_id FROM storages AS own WHERE own.name = %(rse)s)",
    "user": "event.source IS NOT NULL AND event.actor = %(user)s::text",
    # Ids and times are given at once, so that either finds the other: the ids of a time bound the walk over the index
    # of any other filter. A minute covers clocks that were set back, and writers that were interrupted between the two.
    "since": """event.time >= %(since)s::timestamptz AND event.event_id >= (
        SELECT edge.event_id FROM events AS edge
        WHERE edge.time >= %(since)s::timestamptz - interval '1 minute'
        ORDER BY edge.time LIMIT 1)""",
    "until": """event.time < %(until)s::timestamptz AND event.event_id <= (
        SELECT edge.event_id FROM events AS edge
        WHERE edge.time < %(until)s::timestamptz + interval '1 minute'
        ORDER BY edge.time DESC LIMIT 1)""",
    "up_to": "event.event_id <= %(up_to)s::bigint",
}


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; what is None does not matter. `stage_id` is the stage's number; a DID needs its workflow."""

    workflow_id: int | None = None
    stage_id: int | None = None
    job: str | None = None
    did: str | None = None
    event_type: EventType | None = None
    site: str | None = None
    entry: str | None = None
    rse: str | None = None
    user: str | None = None
    """The person that did it."""
    since: datetime | None = None
    until: datetime | None = None
    """Not included."""
    up_to: int | None = None
    """The last event, included."""


def list_events(
    session: Session, wanted: EventFilter, limit: int, after: int | None = None, *, oldest_first: bool = False
) -> list[EventView]:
    """List events, newest first unless asked otherwise; `after` is the key of the last one seen."""
    given = asdict(wanted)
    statement = _statement(frozenset(name for name, value in given.items() if value is not None), oldest_first)
    start = 0 if oldest_first else _BEYOND_ALL
    return statement.read(session, EventView, **given, limit=limit, after=start if after is None else after)


@cache
def _statement(filters: frozenset[str], oldest_first: bool) -> Statement:  # noqa: FBT001  called once, above
    """Make a statement that has the conditions of these filters and no others, so that one plan suits all values."""
    conditions = "".join(f" AND {condition}" for name, condition in _FILTERS.items() if name in filters)
    beyond, order = (">", "ASC") if oldest_first else ("<", "DESC")
    return load("list_events", beyond=beyond, order=order, filters=conditions)

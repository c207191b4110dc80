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

# Columns with an index that goes on with the id, and what they are to be; the first that is given is walked along.
_LEADS: Final[Mapping[str, tuple[str, str]]] = {
    "user": ("actor", "%(user)s::text"),
    "workflow_id": ("workflow_id", "%(workflow_id)s::int"),
    "entry": ("entry_name", "%(entry)s::text"),
    "rse": ("storage_id", "(SELECT own.storage_id FROM storages AS own WHERE own.name = %(rse)s)"),
    "site": ("site_id", "(SELECT own.site_id FROM sites AS own WHERE own.name = %(site)s)"),
    "event_type": ("event_type", "%(event_type)s::text"),
}
_OTHERS: Final[Mapping[str, str]] = {
    "stage_id": """event.stage_id IN (
        SELECT own.stage_id FROM stages AS own
        WHERE own.stage_number = %(stage_id)s::int
          AND (%(workflow_id)s::int IS NULL OR own.workflow_id = %(workflow_id)s::int))""",
    "user": "event.source IS NOT NULL",
    "since": "event.time >= %(since)s::timestamptz",
    "until": "event.time < %(until)s::timestamptz",
}
# Of these there are few, whatever else is given.
_FEW: Final[Mapping[str, str]] = {
    "job": "event.job_id = (SELECT own.job_id FROM jobs AS own WHERE own.jobsub_id = %(job)s)",
    "did": """event.file_id IN (
        SELECT taken.file_id FROM files AS taken
        WHERE taken.did = %(did)s
          AND taken.stage_id IN (SELECT own.stage_id FROM stages AS own WHERE own.workflow_id = %(workflow_id)s::int)
        UNION ALL
        SELECT made.file_id FROM files AS made
        WHERE made.did = %(did)s AND made.workflow_id = %(workflow_id)s::int AND made.creator_job_id IS NOT NULL)""",
}
# The ids of a time bound the walk along any index. A minute covers clocks that were set back, and writers that were
# interrupted between the id and the time.
_FIRST_SINCE: Final = """coalesce((
    SELECT edge.event_id - 1 FROM events AS edge
    WHERE edge.time >= %(since)s::timestamptz - interval '1 minute'
    ORDER BY edge.time LIMIT 1), 9223372036854775807)"""
_LAST_UNTIL: Final = """coalesce((
    SELECT edge.event_id + 1 FROM events AS edge
    WHERE edge.time < %(until)s::timestamptz + interval '1 minute'
    ORDER BY edge.time DESC LIMIT 1), 0)"""


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
def _statement(given: frozenset[str], oldest_first: bool) -> Statement:  # noqa: FBT001  called once, above
    """Make a statement that has the conditions of these filters and no others, so that one plan suits all values."""
    order = "ASC" if oldest_first else "DESC"
    lead = None if given & _FEW.keys() else next((name for name in _LEADS if name in given), None)
    conditions = [
        *_bounds(given, lead, oldest_first=oldest_first),
        *(f"event.{column} = {value}" for name, (column, value) in _LEADS.items() if name in given - {lead}),
        *(condition for name, condition in {**_OTHERS, **_FEW}.items() if name in given),
    ]
    columns = ["event_id"] if lead is None else [_LEADS[lead][0], "event_id"]
    page_order = ", ".join(f"event.{column} {order}" for column in columns)
    return load("list_events", conditions=" AND ".join(conditions), page_order=page_order, order=order)


def _bounds(given: frozenset[str], lead: str | None, *, oldest_first: bool) -> list[str]:
    """Bound the ids; with a lead, of that value alone.

    Were the value an equality, the server might find it cheaper to walk along the ids alone until there are enough of
    it, which never ends when it is rare.
    """
    lower = ["%(after)s::bigint"] if oldest_first else ["0"]
    upper = [str(_BEYOND_ALL)] if oldest_first else ["%(after)s::bigint"]
    lower += [_FIRST_SINCE] if "since" in given else []
    upper += [_LAST_UNTIL] if "until" in given else []
    upper += ["%(up_to)s::bigint + 1"] if "up_to" in given else []
    low, high = f"greatest({', '.join(lower)})", f"least({', '.join(upper)})"
    if lead is None:
        return [f"event.event_id > {low}", f"event.event_id < {high}"]
    column, value = _LEADS[lead]
    key = f"(event.{column}, event.event_id)"
    return [f"{key} > ({value}, {low})", f"{key} < ({value}, {high})", f"event.{column} IS NOT NULL"]

"""What happened."""

from dataclasses import asdict, dataclass

from justin.schemas.views import EventView
from justin.states import EventType
from models.database import Session
from models.statements import load

_NEWEST_FIRST = load("list_events", beyond="<", order="DESC")
_OLDEST_FIRST = load("list_events", beyond=">", order="ASC")
_BEYOND_ALL = 2**63 - 1


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; what is None does not matter. `stage_id` is the stage's number; a DID needs its workflow."""

    workflow_id: int | None = None
    stage_id: int | None = None
    job: str | None = None
    did: str | None = None
    event_type: EventType | None = None


def list_events(
    session: Session, wanted: EventFilter, limit: int, after: int | None = None, *, oldest_first: bool = False
) -> list[EventView]:
    """List events, newest first unless asked otherwise; `after` is the key of the last one seen."""
    statement, start = (_OLDEST_FIRST, 0) if oldest_first else (_NEWEST_FIRST, _BEYOND_ALL)
    return statement.read(session, EventView, **asdict(wanted), limit=limit, after=start if after is None else after)

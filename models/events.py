"""Events of what is not a move: things that come into being, and tokens that come and go."""

from typing import Final

from justin.states import EventType
from models.database import Session
from models.moves import Reason
from models.records import Event

NEW_EVENTS: Final = frozenset(
    {
        EventType.WORKFLOW_CREATED,
        EventType.STAGE_CREATED,
        EventType.CAMPAIGN_CREATED,
        EventType.SCRATCH_ACCESS_GIVEN,
        EventType.SCRATCH_ACCESS_WITHDRAWN,
        EventType.CODE_UPLOADED,
    }
)


def add(
    session: Session,
    event_type: EventType,
    because: Reason,
    *,
    workflow_id: int | None = None,
    campaign_id: int | None = None,
    stage_id: int | None = None,
    storage_id: int | None = None,
) -> None:
    """Log something that no move tells of.

    Raises ValueError for an event that a move writes: it would be told twice.
    """
    if event_type not in NEW_EVENTS:
        raise ValueError(f"{event_type} is written by the statement that makes it happen")
    details = {**because.details, "message": because.message} if because.message else dict(because.details)
    event = Event(
        event_type=event_type,
        actor=because.actor,
        source=because.source,
        workflow_id=workflow_id,
        campaign_id=campaign_id,
        stage_id=stage_id,
        storage_id=storage_id,
        seconds=because.seconds,
        details=details or None,
    )
    session.add(event)
    session.flush()

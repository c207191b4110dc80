"""How far events have been published, and which ones somebody would not have."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from models.columns import document, moment, now


class EventHorizon(SQLModel, table=True):
    """Up to which event nothing can appear any more; one row, see `models/horizon.py`."""

    __tablename__ = "event_horizon"

    horizon_id: int = Field(default=1, primary_key=True)
    event_id: int = Field(default=0, sa_type=BigInteger)
    """All events up to this one are to be seen, or never will."""
    fence_event_id: int = Field(default=0, sa_type=BigInteger)
    """What the horizon becomes when every transaction below the next has ended."""
    fence_transaction: int = Field(default=0, sa_type=BigInteger)


class Sink(SQLModel, table=True):
    """Somebody who is told of events, and how far."""

    __tablename__ = "event_sinks"

    name: str = Field(primary_key=True)
    event_id: int = Field(default=0, sa_type=BigInteger)
    """All events up to this one were taken, or set aside."""
    attempts: int = 0
    """That failed, since the last that did not."""
    next_attempt_at: datetime = now()
    last_error: str = ""
    published_at: datetime | None = moment(default=None)


class RefusedEvent(SQLModel, table=True):
    """An event that a sink would not have, however often it is sent; set aside so that the others go on."""

    __tablename__ = "refused_events"

    sink: str = Field(primary_key=True)
    event_id: int = Field(primary_key=True, sa_type=BigInteger)
    reason: str
    published: dict[str, Any] | None = document()
    """What was sent."""
    refused_at: datetime = now()

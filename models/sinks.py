"""Who is told of events, how far, and what they would not have."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from models.database import Session
from models.statements import jsonb, load

_KNOW = load("know_sink")
_SINK = load("sink")
_ADVANCE = load("advance_sink")
_PUT_OFF = load("put_off_sink")
_SET_ASIDE = load("set_aside_events")
_PUBLISHED_TO = load("published_to")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sink has been told."""

    event_id: int
    is_due: bool
    """Whether it is to be tried now: after a failure there is a pause."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """An event that a sink would not have."""

    event_id: int
    reason: str
    published: dict[str, Any]
    """What was sent."""


def progress(session: Session, sink: str) -> Progress:
    """Return how far a sink has been told; one that is new is told from the beginning."""
    _KNOW.run(session, name=sink)
    return Progress(*_SINK.one(session, name=sink))


def advance(session: Session, sink: str, was: int, to: int) -> bool:
    """Keep that a sink has all events up to `to`; False when it is not at `was`: another has told it meanwhile."""
    return bool(_ADVANCE.run(session, name=sink, was=was, to=to))


def put_off(session: Session, sink: str, error: str, first_seconds: float, last_seconds: float) -> None:
    """Try a sink again later: after `first_seconds`, then twice as long each time, up to `last_seconds`."""
    _PUT_OFF.run(session, name=sink, error=error, first_seconds=first_seconds, last_seconds=last_seconds)


def set_aside(session: Session, sink: str, refused: Sequence[SetAside]) -> None:
    """Set events aside that a sink would not have, and log it; those that are aside already are left."""
    rows = [{"event_id": each.event_id, "reason": each.reason, "published": each.published} for each in refused]
    if rows:
        _SET_ASIDE.run(session, sink=sink, refused=jsonb(rows))


def published_to(session: Session, sinks: Collection[str]) -> int | None:
    """Return the event up to which all of these have been told; None when there are none."""
    return int(_PUBLISHED_TO.one(session, names=list(sinks))[0]) if sinks else None

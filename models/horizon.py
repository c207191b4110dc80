"""Up to which event nothing can appear any more, so that whoever reads on from there misses none.

Ids are given when events are written, and events are seen when their transactions commit, in another order: after event
7 was seen, event 5 may still come. So a fence is put up: the last id that was given is read, and then a transaction is
begun. Whoever has an id up to the fence had begun a transaction before (see `models.records.NEXT_EVENT_ID`), so its
number is smaller; when all with smaller numbers have ended, all events up to the fence are to be seen or never will,
and the horizon moves to it. Writers are not held up and write nothing for it.
"""

from dataclasses import dataclass

from models.database import Session
from models.statements import load

_MOVE = load("move_horizon")
_HORIZON = load("horizon")
_LAST_EVENT = load("last_event")
_PUT_UP_FENCE = load("put_up_fence")


@dataclass(frozen=True, slots=True)
class Horizon:
    """Ids of events."""

    event_id: int = 0
    """All events up to this one are to be seen, or never will."""
    fence: int = 0
    """Where the horizon will be when the transactions end that now go on; the horizon itself when there is no fence."""
    is_foreign: bool = False
    """Whether the fence was put up on another server, and so never falls."""


def advance(session: Session) -> Horizon:
    """Move the horizon to its fence if that has fallen, and return it."""
    _MOVE.run(session)
    return next((Horizon(*row) for row in _HORIZON.run(session)), Horizon())


def put_up_fence(session: Session, seen: Horizon) -> bool:
    """Put up the next fence, and return whether there is something between the horizon and it.

    The session must not have written anything. The fence stands once it has committed.
    """
    event_id, is_first = _LAST_EVENT.one(session)
    if not is_first:
        raise ValueError("the fence needs a transaction that begins after the last id was read")
    if event_id > seen.event_id:
        _PUT_UP_FENCE.run(session, event_id=event_id, was=seen.fence)
    return bool(event_id > seen.event_id)

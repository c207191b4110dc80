"""What the engine asks of those who are told of events; errors are as in `engine.ports`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from justin.schemas.views import EventView


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An event that somebody would not have, and never will."""

    event_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of events that were sent."""

    refused: tuple[RefusedEvent, ...] = ()
    waits_from: int | None = None
    """The first event that was not taken and may be later; those after it are sent again too."""
    problem: str = ""
    """Why it was not."""


class EventSink(Protocol):
    """Somebody who is told of events."""

    @property
    def name(self) -> str:
        """Under which it is kept how far it has been told."""
        ...

    def send(self, events: Sequence[EventView]) -> Delivery:
        """Tell of events in the order of their ids; it may know some of them already.

        When this returns they are safe there, but for those that the answer names.
        """
        ...

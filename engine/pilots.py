"""What the engine asks of the pilot factories' configuration, in its own words; see `engine.ports`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class PilotEntry:
    """A way into a site's batch system, as a pilot factory is configured to use it."""

    name: str
    source: str
    """The file that configures it."""
    site: str
    """As slots there call themselves."""
    country: str = ""
    enabled: bool = True
    processors: int = 1
    rss_bytes: int = 0
    """0 when it is not said, as the next."""
    wall_seconds: int = 0
    gpus: int = 0
    gpus_always: bool = False
    """Whether it is there for GPU jobs alone."""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """All that the factory is told."""


@dataclass(frozen=True, slots=True)
class PilotConfiguration:
    """What pilot factories are configured to do for us."""

    entries: tuple[PilotEntry, ...] = ()
    problems: tuple[str, ...] = ()
    """A sentence for each thing that could not be understood."""
    unread: frozenset[str] = frozenset()
    """Files that could not be read to their end: entries of theirs may be missing."""
    version: str = ""


class PilotFactories(Protocol):
    """The configuration of the pilot factories."""

    def read(self) -> PilotConfiguration:
        """Return what is configured now; nothing in it that is malformed is fatal.

        Raises `errors.Unavailable` when the configuration cannot be had at all.
        """
        ...

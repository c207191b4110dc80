"""Nodes that are avoided for a while, because jobs failed there as soon as they had started."""

from dataclasses import dataclass
from datetime import datetime

from models.database import Session
from models.statements import load

_AVOID_NODES = load("avoid_nodes")
_AVOIDED_NODES = load("avoided_nodes")


@dataclass(frozen=True, slots=True)
class AvoidedNode:
    """A node that gets no work until some time."""

    site: str
    hostname: str
    until: datetime
    failed_jobs: int
    """How many failed there at once."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How many jobs may fail on a node within how long of their start, and what follows."""

    failed_jobs: int
    fast_seconds: float
    window_seconds: float
    """How far back jobs count."""
    avoid_seconds: float


def avoid_nodes(session: Session, patience: Patience, actor: str) -> list[AvoidedNode]:
    """Avoid the nodes where most jobs fail at once that do better elsewhere; return those that were not avoided yet."""
    rows = _AVOID_NODES.run(
        session,
        failed_jobs=patience.failed_jobs,
        fast_seconds=patience.fast_seconds,
        window_seconds=patience.window_seconds,
        avoid_seconds=patience.avoid_seconds,
        actor=actor,
    )
    return [AvoidedNode(*row) for row in rows]


def avoided_nodes(session: Session, site: str | None = None) -> list[AvoidedNode]:
    """List the nodes that are avoided now, at all sites or one."""
    return [AvoidedNode(*row) for row in _AVOIDED_NODES.run(session, site=site)]

"""The table of events: room made ahead for the coming months, and months dropped that are too old."""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from engine import publisher
from engine.runtime import Runtime
from models import partitions
from models.partitions import Partition, TableInUse

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PartitionsKept:
    """What a cycle did."""

    made: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    kept_for: str = ""
    """What keeps a month that is too old."""

    def __bool__(self) -> bool:
        """Whether anything was done."""
        return bool(self.made or self.dropped or self.kept_for)


def keep_partitions(runtime: Runtime, now: datetime | None = None) -> PartitionsKept:
    """Make the partitions of the coming months, and drop those that are too old and were told to everybody.

    A table that is in use for too long is left for the next cycle.
    """
    now = now or datetime.now(UTC)
    try:
        made = _make(runtime, now)
        dropped, kept_for = _drop(runtime, now)
    except TableInUse as error:
        LOG.warning("%s; it is tried again in the next cycle", error)
        return PartitionsKept(kept_for=str(error))
    return PartitionsKept(made, dropped, kept_for)


def _make(runtime: Runtime, now: datetime) -> list[str]:
    with runtime.session() as session:
        known = partitions.several(session)
    last = max((each.until for each in known), default=now)
    wanted = partitions.months_ahead(now, runtime.settings.events.months_ahead)
    return [partitions.make(runtime.database, *each) for each in wanted if each[0] >= last]


def _drop(runtime: Runtime, now: datetime) -> tuple[list[str], str]:
    keep_days = runtime.settings.events.keep_days
    if keep_days is None:
        return [], ""
    dropped: list[str] = []
    with runtime.session() as session:
        known = partitions.several(session)
    for each in known:
        if each.until > now - timedelta(days=keep_days):
            break
        if not _is_told(runtime, each):
            return dropped, f"{each.name} has events that not everybody has been told of yet"
        partitions.drop(runtime.database, each)
        dropped.append(each.name)
    return dropped, ""


def _is_told(runtime: Runtime, partition: Partition) -> bool:
    told = publisher.told_to_all(runtime)
    with runtime.session() as session:
        return told is None or partitions.last_event(session, partition) <= told

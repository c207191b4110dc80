"""The sites and entries that pilot factories are configured for: written down when seen, forgotten some time after."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from models.database import Session
from models.statements import jsonb, load

_PUT_SITES = load("put_sites")
_PUT_ENTRIES = load("put_entries")
_FORGET_ENTRIES = load("forget_entries")
_RETIRE_SITES = load("retire_sites")


@dataclass(frozen=True, slots=True)
class SeenSite:
    """A site that entries name."""

    name: str
    country: str
    region: str


@dataclass(frozen=True, slots=True)
class SeenEntry:
    """An entry that is configured now."""

    name: str
    site: str
    source: str
    enabled: bool
    processors: int
    rss_bytes: int
    wall_seconds: int
    gpus: int
    gpus_always: bool
    configuration: Mapping[str, Any]


def put_sites(session: Session, sites: Sequence[SeenSite]) -> int:
    """Write down sites that were seen, and return how many are new."""
    rows = _PUT_SITES.run(
        session,
        names=[site.name for site in sites],
        countries=[site.country for site in sites],
        regions=[site.region for site in sites],
    )
    return sum(new for (new,) in rows)


def put_entries(session: Session, entries: Sequence[SeenEntry]) -> int:
    """Write down entries that were seen, whose sites are known, and return how many are new."""
    rows = _PUT_ENTRIES.run(session, entries=jsonb([asdict(entry) for entry in entries]))
    return sum(new for (new,) in rows)


def forget_entries(session: Session, after_seconds: float, unread: Collection[str]) -> list[str]:
    """Drop entries that were not seen for so long, but for those from files that cannot be read; return their names."""
    rows = _FORGET_ENTRIES.run(session, after_seconds=after_seconds, unread=sorted(unread))
    return sorted(name for (name,) in rows)


def retire_sites(session: Session, after_seconds: float) -> list[str]:
    """Retire sites that were learned of and have had no entry for so long, and return their names."""
    return sorted(name for (name,) in _RETIRE_SITES.run(session, after_seconds=after_seconds))

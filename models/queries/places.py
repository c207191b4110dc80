"""Sites and storages."""

from dataclasses import dataclass
from datetime import datetime

from models.database import Session
from models.statements import load

_FIND_SITE = load("find_site")
_LIST_SITES = load("list_sites")
_LIST_STORAGES = load("list_storages")


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A place with job slots."""

    name: str
    country: str
    region: str
    enabled: bool
    disabled_reason: str
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class StorageRow:
    """A storage element."""

    name: str
    site: str | None
    country: str
    region: str
    tape: bool
    readable: bool
    writable: bool
    disabled_reason: str
    occupancy: float
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class FoundSite:
    """A site as a slot there sees it."""

    site_id: int
    name: str
    enabled: bool
    disabled_reason: str


def find_site(session: Session, name: str) -> FoundSite | None:
    """Return the site of that name; None for an unknown one."""
    rows = _FIND_SITE.run(session, name=name)
    return FoundSite(*rows[0]) if rows else None


def list_sites(session: Session) -> list[SiteRow]:
    """List all sites by name."""
    return [SiteRow(*row) for row in _LIST_SITES.run(session)]


def list_storages(session: Session) -> list[StorageRow]:
    """List all storages by name."""
    return [StorageRow(*row) for row in _LIST_STORAGES.run(session)]

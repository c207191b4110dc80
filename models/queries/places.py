"""Sites and storages."""

from dataclasses import dataclass

from justin.schemas.views import SiteView, StorageView
from models.database import Session
from models.statements import load

_FIND_SITE = load("find_site")
_LIST_SITES = load("list_sites")
_LIST_STORAGES = load("list_storages")


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


def list_sites(session: Session) -> list[SiteView]:
    """List all sites by name."""
    return _LIST_SITES.read(session, SiteView)


def list_storages(session: Session) -> list[StorageView]:
    """List all storages by name."""
    return _LIST_STORAGES.read(session, StorageView)

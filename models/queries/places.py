"""Sites, their entries, storages, and how far these are."""

from justin.schemas.views import DistanceView, EntryView, SiteView, StorageView
from models.database import Session
from models.statements import load

_LIST_SITES = load("list_sites")
_LIST_ENTRIES = load("list_entries")
_LIST_STORAGES = load("list_storages")
_LIST_DISTANCES = load("list_distances")


def list_sites(session: Session) -> list[SiteView]:
    """List all sites by name."""
    return _LIST_SITES.read(session, SiteView)


def list_entries(session: Session, site: str | None = None) -> list[EntryView]:
    """List all entries by site and name, or those of one site."""
    return _LIST_ENTRIES.read(session, EntryView, site=site)


def list_distances(session: Session, site: str | None = None, storage: str | None = None) -> list[DistanceView]:
    """List how far storages are from sites, for each site the nearest first."""
    return _LIST_DISTANCES.read(session, DistanceView, site=site, storage=storage)


def list_storages(session: Session) -> list[StorageView]:
    """List all storages by name."""
    return _LIST_STORAGES.read(session, StorageView)

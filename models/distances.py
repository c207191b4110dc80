"""How far storages are from sites, as rules say it and as persons have set it."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.database import Session
from models.moves import Reason
from models.statements import load

_SITE_PLACES = load("site_places")
_STORAGE_PLACES = load("storage_places")
_PUT_DISTANCES = load("put_distances")
_SET_DISTANCE = load("set_distance")


@dataclass(frozen=True, slots=True)
class SitePlace:
    """Where a site is."""

    site_id: int
    name: str
    country: str
    region: str


@dataclass(frozen=True, slots=True)
class StoragePlace:
    """Where a storage is."""

    storage_id: int
    name: str
    site: str
    """Empty for one that is at no site we know."""
    country: str
    region: str


@dataclass(frozen=True, slots=True)
class RuledDistance:
    """What the rules say of a site and a storage."""

    site_id: int
    storage_id: int
    distance: int


def sites(session: Session) -> list[SitePlace]:
    """List all sites, retired ones included: jobs may still run there."""
    return [SitePlace(*row) for row in _SITE_PLACES.run(session)]


def storages(session: Session) -> list[StoragePlace]:
    """List all storages: each is where its site is, or else where Rucio says."""
    return [StoragePlace(*row) for row in _STORAGE_PLACES.run(session)]


def put(session: Session, distances: Sequence[RuledDistance]) -> int:
    """Write down what the rules say, and return for how many pairs that is new; what persons have set stays."""
    rows = _PUT_DISTANCES.run(
        session,
        site_ids=[ruled.site_id for ruled in distances],
        storage_ids=[ruled.storage_id for ruled in distances],
        distances=[ruled.distance for ruled in distances],
    )
    return len(rows)


def set_by_hand(session: Session, site: str, rse: str, distance: int | None, because: Reason) -> bool:
    """Set how far a storage is from a site, or with None let the rules say it again; false for unknown places."""
    rows = _SET_DISTANCE.run(
        session,
        site=site,
        rse=rse,
        distance=distance,
        actor=because.actor,
        source=because.source,
        message=because.message,
    )
    return bool(rows)

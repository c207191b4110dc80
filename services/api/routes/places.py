"""Sites, their entries, storages, and how far these are."""

from fastapi import APIRouter

from engine import places as deciding
from justin.schemas.specs import DistanceChange
from justin.schemas.views import DistanceView, EntryView, ProbeView, SiteView, StorageView
from models.queries import places
from models.queries import probes as found_by_probes
from services.api.auth import Calling
from services.dependencies import Running

router = APIRouter(tags=["places"])


@router.get("/sites")
def sites(runtime: Running, caller: Calling) -> list[SiteView]:  # noqa: ARG001  closed to strangers
    """List the sites where jobs may run."""
    with runtime.session() as session:
        return places.list_sites(session)


@router.get("/storages")
def storages(runtime: Running, caller: Calling) -> list[StorageView]:  # noqa: ARG001  as above
    """List the storages that hold files."""
    with runtime.session() as session:
        return places.list_storages(session)


@router.get("/entries")
def entries(runtime: Running, caller: Calling, site: str | None = None) -> list[EntryView]:  # noqa: ARG001  as above
    """List the entries by which pilots come to sites, of one site where it is named."""
    with runtime.session() as session:
        return places.list_entries(session, site)


@router.get("/distances")
def distances(
    runtime: Running,
    caller: Calling,  # noqa: ARG001  as above
    site: str | None = None,
    rse: str | None = None,
) -> list[DistanceView]:
    """List how far storages are from sites, of one site or storage where they are named."""
    with runtime.session() as session:
        return places.list_distances(session, site, rse)


@router.post("/distances")
def set_distance(runtime: Running, caller: Calling, change: DistanceChange) -> list[DistanceView]:
    """Set how far a storage is from a site, or let the rules say it again."""
    with runtime.session() as session:
        deciding.set_distance(session, caller, change)
        return places.list_distances(session, change.site, change.rse)


@router.get("/probes")
def probes(
    runtime: Running,
    caller: Calling,  # noqa: ARG001  as above
    site: str | None = None,
    rse: str | None = None,
) -> list[ProbeView]:
    """List what the newest probes of sites could read and write at storages, of one site or storage where named."""
    with runtime.session() as session:
        return found_by_probes.matrix(session, runtime.settings.probes.valid_seconds, site, rse)

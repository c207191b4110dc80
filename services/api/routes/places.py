"""Sites and storages."""

from fastapi import APIRouter

from justin.schemas.views import SiteView, StorageView
from models.queries import places
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

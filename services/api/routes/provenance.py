"""How files were made."""

from typing import Annotated

from fastapi import APIRouter, Query

from engine import provenance
from justin.schemas.provenance import Provenance
from services.api.auth import Calling
from services.dependencies import Running

router = APIRouter(prefix="/provenance", tags=["files"])

MOST_FILES = 10_000

Dids = Annotated[
    list[Annotated[str, Query(max_length=512, pattern=r"^[^\x00]*$")]],
    Query(alias="did", min_length=1, max_length=100, description="Repeated for several files."),
]
Depth = Annotated[int | None, Query(ge=0, le=1000, description="Generations of parents; all when left out.")]
Files = Annotated[int, Query(ge=1, le=MOST_FILES, description="How many files of the chain at most.")]


@router.get("")
def trace(
    runtime: Running,
    caller: Calling,  # noqa: ARG001  closed to strangers
    dids: Dids,
    depth: Depth = None,
    limit: Files = 1000,
) -> Provenance:
    """Say how files were made: by which code, where, of which files, and so on. From the catalogues alone."""
    return provenance.trace(runtime.metacat, dids, depth, limit)

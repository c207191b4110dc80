"""Users' own code, uploaded to where jobs see it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from engine import code_uploads
from justin.schemas.uploads import CodeView
from services.api.auth import Calling
from services.api.uploads import Received
from services.dependencies import Running

router = APIRouter(prefix="/code", tags=["code"])

Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="Of the tar.")]
Renew = Annotated[bool, Query(description="Keep it from now on as long as if it were new.")]


@router.get("/{sha256}")
def one(
    runtime: Running,
    caller: Calling,  # noqa: ARG001  closed to strangers
    sha256: Sha256,
    *,
    renew: Renew = False,
) -> CodeView:
    """Say where jobs see the files of a tar, if they do."""
    return code_uploads.find(runtime, sha256, renew=renew)


@router.put("/{sha256}")
def upload(runtime: Running, caller: Calling, sha256: Sha256, received: Received) -> CodeView:
    """Publish the tar in the body where all jobs see its files, some time later."""
    return code_uploads.upload(runtime, caller, sha256, received.sha256, received.path)

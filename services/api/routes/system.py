"""Who the caller is, what time it is, and which version this is."""

from datetime import UTC, datetime

from fastapi import APIRouter

import justin
from justin.schemas.views import Identity, ServerTime
from services.api.auth import Calling
from services.dependencies import Running

router = APIRouter(tags=["system"])


@router.get("/whoami")
def whoami(runtime: Running, caller: Calling) -> Identity:
    """Tell who the caller is taken for."""
    groups = sorted(caller.groups)
    return Identity(user=caller.name, groups=groups, is_admin=caller.is_admin, instance=runtime.settings.instance)


@router.get("/time")
@router.get("/version")
def time(runtime: Running, caller: Calling) -> ServerTime:  # noqa: ARG001  closed to strangers
    """Tell the server's time, version and instance."""
    return ServerTime(time=datetime.now(UTC), version=justin.__version__, instance=runtime.settings.instance)

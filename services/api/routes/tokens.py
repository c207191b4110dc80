"""The caller's token for scratch space: given and forgotten, and never shown."""

from fastapi import APIRouter

from engine import scratch_tokens
from justin.schemas.specs import ScratchTokenSpec, StateChange
from justin.schemas.views import Moved, ScratchTokenView
from services.api.auth import Calling
from services.dependencies import Running

router = APIRouter(tags=["tokens"])


@router.post("/scratch-token")
def put(runtime: Running, caller: Calling, spec: ScratchTokenSpec) -> ScratchTokenView:
    """Keep the token with which the caller's jobs upload to https:// destinations."""
    with runtime.session() as session:
        scratch_tokens.put(session, caller, runtime.settings.scratch, spec)
        return scratch_tokens.shown(session, caller)


@router.get("/scratch-token")
def shown(runtime: Running, caller: Calling) -> ScratchTokenView:
    """Tell until when the caller's token is good; the token itself is told to nobody."""
    with runtime.session() as session:
        return scratch_tokens.shown(session, caller)


@router.post("/scratch-token/forget")
def forget(runtime: Running, caller: Calling, change: StateChange | None = None) -> Moved:
    """Forget the caller's token."""
    with runtime.session() as session:
        return Moved(moved=int(scratch_tokens.forget(session, caller, change.reason if change else "")))

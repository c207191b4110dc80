"""What a query would find."""

from fastapi import APIRouter

from engine import input_queries
from justin.schemas.specs import QuerySpec
from justin.schemas.views import QueryPreview
from services.api.auth import Calling
from services.dependencies import Running

router = APIRouter(prefix="/queries", tags=["queries"])


@router.post("/preview")
def preview(runtime: Running, caller: Calling, query: QuerySpec) -> QueryPreview:  # noqa: ARG001  closed to strangers
    """Say how many files a query finds now, and name a few of them."""
    return input_queries.preview(runtime, query.mql)

"""The page that says whether a service works."""

from fastapi import APIRouter

from models import database
from services.dependencies import Running

router = APIRouter(tags=["health"])


@router.get("/health")
def health(runtime: Running) -> dict[str, str]:
    """Answer once the database does."""
    database.check_schema(runtime.database)
    return {"status": "ok"}

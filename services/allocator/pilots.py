"""What pilots ask before they take jobs; they have no secret, and are told nothing that matters."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse

from engine import ranks
from services import bodies
from services.allocator.dependencies import Ranking
from services.dependencies import Running

router = APIRouter(tags=["pilots"])

LIMIT_BYTES = 256 << 10


async def _text(request: Request) -> str:
    return (await bodies.read(request, LIMIT_BYTES)).decode(errors="replace")


Text = Annotated[str, Depends(_text)]


@router.post("/api/get-classads", response_class=PlainTextResponse)
def get_classads(runtime: Running, ranking: Ranking, text: Text) -> PlainTextResponse:
    """Rank the stages for a pilot, which sends its configuration: by how near their waiting files are."""
    site_name = ranks.site_of(text, runtime.settings.sites.site_attribute)
    return PlainTextResponse(ranking.classads(runtime, site_name))

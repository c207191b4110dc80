"""The application: the paths of RCDS. A publication is named by its `cid`, which clients make of the tar's hash."""

import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import PlainTextResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException

from localgrid.rcds.publisher import Publisher
from localgrid.rcds.shelves import CID

MISSING = "MISSING\n"
OK = "OK\n"

router = APIRouter(prefix="/pubapi", default_response_class=PlainTextResponse)


def _publisher(request: Request) -> Publisher:
    publisher: Publisher = request.app.state.publisher
    return publisher


Publishing = Annotated[Publisher, Depends(_publisher)]


def _allowed(request: Request, publisher: Publishing) -> None:
    token = publisher.settings.token_file.read_text().strip()
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        raise HTTPException(403, "Access denied: a token is needed")


def _cid(cid: Annotated[str, Query()] = "") -> str:
    if not cid:
        raise HTTPException(400, "Bad request: there is no cid")
    if cid.count("/") > 1:
        raise HTTPException(400, "Bad request: at most one slash is allowed in a cid")
    if not CID.fullmatch(cid):
        raise HTTPException(400, "Bad request: a cid has letters, digits, _ . + - alone and does not begin with a dot")
    return cid


Cid = Annotated[str, Depends(_cid)]
ONLY_WITH_TOKEN = [Depends(_allowed)]


@router.get("/ping")
def ping() -> str:
    """Say that the server answers."""
    return OK


@router.get("/config")
def config(publisher: Publishing) -> str:
    """Name the repositories."""
    return f"repos:{','.join(publisher.settings.repositories)}\n"


@router.get("/exists", dependencies=ONLY_WITH_TOKEN)
def exists(publisher: Publishing, cid: Cid) -> str:
    """Say where a publication is."""
    return _present(publisher, cid)


# A GET changes something here: so the real service has it, where a POST does as well.
@router.api_route("/update", methods=["GET", "POST"], dependencies=ONLY_WITH_TOKEN)
def update(publisher: Publishing, cid: Cid) -> str:
    """Say where a publication is, and let its time begin anew."""
    publisher.shelves.renew(cid)
    return _present(publisher, cid)


@router.post("/publish", dependencies=ONLY_WITH_TOKEN)
async def publish(request: Request, publisher: Publishing, cid: Cid) -> str:
    """Take a tar in; its files are to be seen a while later."""
    place = publisher.place_for(cid)
    try:
        await _keep(request.stream(), place, publisher.settings.max_bytes)
        return await run_in_threadpool(_take, publisher, cid, place)
    finally:
        await run_in_threadpool(place.unlink, missing_ok=True)


def create_app(publisher: Publisher) -> FastAPI:
    """Build the application around a publisher that runs."""
    app = FastAPI(title="RCDS", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.publisher = publisher
    app.add_exception_handler(StarletteHTTPException, _say_plainly)
    app.include_router(router)
    return app


def _present(publisher: Publisher, cid: str) -> str:
    path = publisher.shelves.find(cid)
    return f"PRESENT:{path}\n" if path else MISSING


async def _keep(body: AsyncIterator[bytes], place: Path, max_bytes: int) -> None:
    size_bytes = 0
    file = await run_in_threadpool(place.open, "wb")
    with file:
        async for chunk in body:
            size_bytes += len(chunk)
            if size_bytes > max_bytes:
                raise HTTPException(413, f"the tar is larger than {max_bytes} bytes")
            await run_in_threadpool(file.write, chunk)


def _take(publisher: Publisher, cid: str, tar: Path) -> str:
    present = _present(publisher, cid)
    if present != MISSING:
        publisher.shelves.renew(cid)
        return present
    publisher.accept(cid, tar)
    return OK


async def _say_plainly(_request: Request, error: Exception) -> PlainTextResponse:
    assert isinstance(error, StarletteHTTPException)  # noqa: S101  this handler is installed for nothing else
    return PlainTextResponse(f"{error.detail}\n", error.status_code)

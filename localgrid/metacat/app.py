"""The application: MetaCat's paths, and one that says whether the server is well."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.responses import PlainTextResponse, Response

from localgrid.metacat import categories, datasets, declarations, errors, files, members, namespaces, queries, users
from localgrid.metacat.database import ConnectionPool, Database
from localgrid.metacat.library import VERSION
from localgrid.metacat.settings import Settings

router = APIRouter()


@router.api_route("/data/version", methods=["GET", "POST"])
def version() -> Response:
    """Answer with the version of the MetaCat distribution."""
    return PlainTextResponse(VERSION)


@router.get("/health")
def health(database: Database) -> Response:
    """Say that the server and its database answer."""
    database.cursor().execute("SELECT 1")
    return PlainTextResponse("OK")


def create_app(settings: Settings) -> FastAPI:
    """Build the application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        app.state.pool.close()

    app = FastAPI(title="MetaCat", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.pool = ConnectionPool(settings.database_url)
    app.state.token_key = settings.token_key_file.read_bytes().strip()
    errors.install(app)
    parts = (users, namespaces, datasets, members, files, declarations, queries, categories)
    for part in parts:
        app.include_router(part.router)
    app.include_router(router)
    return app

"""The API as an application."""

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

import justin
from engine import wiring
from engine.runtime import Runtime
from services import health, problems
from services.api.routes import (
    campaigns,
    code,
    events,
    files,
    integrity,
    jobs,
    places,
    provenance,
    queries,
    stages,
    system,
    tokens,
    why_not,
    workflows,
)

DESCRIPTION = """
Workflows of justIN: made, steered and looked at. The Python API and the command line do all they do through it.

Lists come in pages: `limit` says how long, and `next_after` of a page is the `after` of the next. Errors are
`application/problem+json` with a `code` that stays the same.
"""

PREFIX = "/api/v1"
ROUTERS = (
    *(system, workflows, integrity, stages, files, jobs, events, campaigns),
    *(queries, places, why_not, tokens, provenance, code),
)


def create_app(runtime: Runtime | None = None) -> FastAPI:
    """Make the application, on the process's own runtime unless one is given."""
    app = FastAPIOffline(title="justIN", version=justin.__version__, description=DESCRIPTION)
    app.state.runtime = runtime or wiring.current()
    problems.install(app)
    version = APIRouter(prefix=PREFIX)
    for module in ROUTERS:
        _name_calls(module.router)
        version.include_router(module.router)
    _name_calls(health.router)
    app.include_router(health.router)
    app.include_router(version)
    return app


def _name_calls(router: APIRouter) -> None:
    """Let the documentation call each call by what it does, and not by the name of a function."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            route.summary = route.description.partition("\n")[0].partition(". ")[0].rstrip(".")

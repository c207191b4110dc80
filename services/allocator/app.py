"""The allocator as an application."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI

import justin
from engine import wiring
from engine.calls import Secrets
from engine.ranks import Ranks
from engine.runtime import Runtime
from models.claims import Claims
from services import health, problems
from services.allocator import pilots, routes, samweb


def create_app(runtime: Runtime | None = None) -> FastAPI:
    """Make the application, on the process's own runtime unless one is given."""
    app = FastAPI(lifespan=_lifespan, title="justIN allocator", version=justin.__version__, description=__doc__ or "")
    app.state.runtime = runtime or wiring.current(steady_plans=True)
    app.state.claims = Claims(app.state.runtime.database)
    app.state.secrets = Secrets()
    app.state.ranks = Ranks()
    problems.install(app)
    app.include_router(health.router)
    app.include_router(routes.router)
    app.include_router(samweb.router)
    app.include_router(pilots.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Work on so many calls at once: more would wait for one another in Python and in the database all the same."""
    threads = app.state.runtime.settings.allocator.threads
    anyio.to_thread.current_default_thread_limiter().total_tokens = threads
    # What is loaded by now stays: going through it at each collection of garbage costs calls a tenth of their time.
    gc.collect()
    gc.freeze()
    yield

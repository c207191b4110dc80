"""An RCDS of a test's own, which does what it is told and can be made to misbehave."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request
from fastapi.responses import PlainTextResponse, Response

from engine.code_settings import Rcds as RcdsSettings
from localgrid.rcds.app import create_app
from localgrid.rcds.publisher import Publisher
from localgrid.rcds.settings import Settings
from tests.support.serving import serving

TOKEN = "a-token-that-may-publish"


@dataclass
class Faults:
    """What is wrong with a server."""

    status: int = 0
    """That it answers everything with."""
    says: str = ""
    """That it answers everything with when it is well."""
    loses: int = 0
    """So many uploads are answered with OK and forgotten."""
    seconds: float = 0.0
    """It takes so long to answer."""


@dataclass
class LocalRcds:
    """A server, and what it was asked."""

    publisher: Publisher
    token_file: Path
    url: str = ""
    faults: Faults = field(default_factory=Faults)
    calls: list[str] = field(default_factory=list)

    def settings(self, *more_urls: str) -> RcdsSettings:
        """Make settings that suit tests: no pause is long."""
        return RcdsSettings(
            urls=[self.url, *more_urls],
            token_file=self.token_file,
            timeout_seconds=2,
            upload_seconds=5,
            tries=2,
            first_pause_seconds=0,
        )

    @property
    def uploads(self) -> int:
        """Count the tars that were sent."""
        return self.calls.count("publish")


@contextmanager
def local_rcds(folder: Path, *, delay_seconds: float = 0.0, lifetime_seconds: float = 1000.0) -> Iterator[LocalRcds]:
    """Run a server that publishes into a folder, for the length of a test."""
    folder.mkdir(parents=True, exist_ok=True)
    token_file = folder / "token"
    token_file.write_text(f"{TOKEN}\n")
    settings = Settings(
        port=1,
        directory=folder / "cvmfs",
        queue_directory=folder / "queue",
        repositories=["user1.test", "user2.test"],
        token_file=token_file,
        delay_seconds=delay_seconds,
        lifetime_seconds=lifetime_seconds,
        max_bytes=1 << 20,
    )
    with Publisher(settings) as publisher:
        made = LocalRcds(publisher, token_file)
        app = create_app(publisher)

        @app.middleware("http")
        async def misbehave(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
            call = request.url.path.rpartition("/")[2]
            made.calls.append(call)
            await asyncio.sleep(made.faults.seconds)
            if made.faults.status:
                return PlainTextResponse("out of order\n", made.faults.status)
            if made.faults.says:
                return PlainTextResponse(made.faults.says)
            if call == "publish" and made.faults.loses:
                made.faults.loses -= 1
                async for _ in request.stream():
                    pass
                return PlainTextResponse("OK\n")
            return await go_on(request)

        with serving(app) as made.url:
            yield made

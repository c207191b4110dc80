"""What routes are given: the runtime that the app was made with."""

from typing import Annotated

from fastapi import Depends, Request

from engine.runtime import Runtime


async def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


Running = Annotated[Runtime, Depends(_runtime)]
"""The runtime; a route opens sessions on it itself, so that its work is committed before its reply is made."""

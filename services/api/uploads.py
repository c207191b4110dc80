"""Bodies that are files: taken in piece by piece, never larger than allowed, and gone after the request."""

import hashlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Final

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from engine import code_uploads
from services.api.auth import Calling
from services.dependencies import Running

LENGTH: Final = "Content-Length"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came in whole."""

    path: Path
    sha256: str


async def _received(
    request: Request,
    runtime: Running,
    caller: Calling,  # noqa: ARG001  closed to strangers before anything is read
) -> AsyncIterator[Upload]:
    told = request.headers.get(LENGTH, "")
    code_uploads.check_size(runtime, int(told) if told.isdecimal() else 0)
    digest, size_bytes = hashlib.sha256(), 0
    file = await run_in_threadpool(_new_file)
    try:
        async for piece in request.stream():
            size_bytes += len(piece)
            code_uploads.check_size(runtime, size_bytes)
            digest.update(piece)
            await run_in_threadpool(_write, file, piece)
        await run_in_threadpool(file.flush)
        yield Upload(Path(file.name), digest.hexdigest())
    finally:
        await run_in_threadpool(file.close)


def _new_file() -> IO[bytes]:
    return tempfile.NamedTemporaryFile(prefix="justin-upload-")


def _write(file: IO[bytes], piece: bytes) -> None:
    file.write(piece)


Received = Annotated[Upload, Depends(_received)]
"""The body of the request as a file."""

"""Reading a signed request as it arrived."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from engine.signing import SignedRequest
from services import bodies

KIBIBYTE = 1 << 10
MEBIBYTE = 1 << 20


def within(limit_bytes: int) -> Callable[[Request], Awaitable[SignedRequest]]:
    """Make the dependency that reads a request of at most this size."""

    async def read(request: Request) -> SignedRequest:
        headers = request.headers
        return SignedRequest(
            method=request.method,
            path=request.scope["path"],
            jobsub_id=headers.get("x-justin-job", ""),
            time=headers.get("x-justin-time", ""),
            nonce=headers.get("x-justin-nonce", ""),
            signature=headers.get("x-justin-signature", ""),
            body=await bodies.read(request, limit_bytes),
        )

    return read

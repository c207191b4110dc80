"""Reading a request's body, and no more of it than the call may need."""

from fastapi import Request

from engine.errors import InvalidInput


async def read(request: Request, limit_bytes: int) -> bytes:
    """Return the body; raises `InvalidInput` as soon as it is larger than the limit, whatever its header says."""
    parts, size_bytes = [], 0
    async for part in request.stream():
        size_bytes += len(part)
        if size_bytes > limit_bytes:
            raise InvalidInput(f"The request is larger than {limit_bytes} bytes.")
        parts.append(part)
    return b"".join(parts)

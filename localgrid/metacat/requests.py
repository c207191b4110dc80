"""What MetaCat's client sends, read as it sends it: JSON bodies under a type of their own, yes and no in the URL."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request

from localgrid.metacat.errors import BadRequestError

Json = dict[str, Any]


async def raw_body(request: Request) -> bytes:
    """Return the body as it came."""
    return await request.body()


RawBody = Annotated[bytes, Depends(raw_body)]


def json_value(body: RawBody) -> Any:
    """Return the body as JSON, None when there is none."""
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError as error:
        message = f"The body is not JSON: {error}"
        raise BadRequestError(message) from error


def json_object(value: "AnyJson") -> Json:
    """Return the body, which has to be a JSON object."""
    if not isinstance(value, dict):
        message = "The body must be a JSON object"
        raise BadRequestError(message)
    return value


AnyJson = Annotated[Any, Depends(json_value)]
JsonObject = Annotated[Json, Depends(json_object)]


def yes(word: str) -> bool:
    """Read yes or no."""
    return word.lower() in {"yes", "true", "1"}


def split_did(text: str, default_namespace: str | None = None) -> tuple[str, str]:
    """Split `namespace:name`, where the namespace may be left out when there is a default."""
    namespace, colon, name = text.partition(":")
    if not colon:
        namespace, name = default_namespace or "", text
    if not namespace or not name:
        message = f"Invalid namespace:name: {text}"
        raise BadRequestError(message)
    return namespace, name


def needed(body: Mapping[str, Any], key: str) -> Any:
    """Return a value that the request must hold."""
    try:
        return body[key]
    except KeyError:
        message = f"'{key}' is missing"
        raise BadRequestError(message) from None

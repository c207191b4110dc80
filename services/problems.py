"""Errors as problem+json (RFC 9457), with the codes that the client turns back into classes."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from engine.errors import ClockSkew, EngineError, InvalidInput, NotFound, Unavailable
from justin.schemas import sentences
from justin.schemas.sentences import FieldError
from justin.schemas.views import Problem
from models import outages

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
AWAY = "PostgreSQL does not answer"
_HTTP_CODES = {404: NotFound.code, 405: "method_not_allowed"}


def install(app: FastAPI) -> None:
    """Make every error of the app a problem."""
    app.add_exception_handler(EngineError, _engine_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    for error in outages.ERRORS:
        app.add_exception_handler(error, _database_error)
    app.add_exception_handler(Exception, _unexpected_error)


def note_that_it_may_act(request: Request) -> None:
    """Note that from here on the request may change something, so that an outage leaves open whether it has."""
    request.state.may_have_acted = request.method not in {"GET", "HEAD"}


def response(
    status: int,
    code: str,
    detail: str,
    *,
    title: str = "",
    errors: Sequence[dict[str, Any]] = (),
    extra: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """Make the reply that tells of a problem."""
    title = title or code.replace("_", " ").capitalize()
    problem = Problem(title=title, status=status, code=code, detail=detail, errors=list(errors))
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == Unavailable.status else None
    content = problem.model_dump() | dict(extra or {})
    return JSONResponse(content, status, headers, media_type="application/problem+json")


def _engine_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, EngineError)  # noqa: S101  this handler is installed for nothing else
    extra = {"server_time": int(time.time())} if isinstance(error, ClockSkew) else None
    return response(error.status, error.code, error.detail, extra=extra)


def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    """Name the fields and say what each should have been; what was sent is not repeated, for it may be a secret."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  as above
    found = [_without_place(item) for item in sentences.of_details(error.errors())]
    detail = "; ".join(str(item) for item in found)
    errors = [{"field": item.field, "message": item.sentence} for item in found]
    return response(InvalidInput.status, InvalidInput.code, detail, errors=errors)


def _without_place(error: FieldError) -> FieldError:
    """Drop FastAPI's word for where the field was: in the body, the path, the query or a header."""
    return replace(error, location=error.location[1:] or error.location)


def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  as above
    code = _HTTP_CODES.get(error.status_code, "refused")
    reply = response(error.status_code, code, f"{request.method} {request.url.path}: {error.detail}")
    reply.headers.update(error.headers or {})
    return reply


def _database_error(request: Request, error: Exception) -> JSONResponse:
    """Tell of an outage: with 503 only where nothing was done, for that is what 503 says to callers."""
    if not outages.is_outage(error):
        return _unexpected_error(request, error)
    log.error("%s %s: %s", request.method, _route(request), AWAY, exc_info=error)
    if getattr(request.state, "may_have_acted", False):
        detail = f"{AWAY} any more; what was asked may have been done, so look first."
        return response(504, Unavailable.code, detail, title=AWAY)
    return response(Unavailable.status, Unavailable.code, f"{AWAY}; try again later.", title=AWAY)


def _unexpected_error(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, _route(request), exc_info=error)
    return response(500, EngineError.code, "The server made an error; it has been logged.")


def _route(request: Request) -> str:
    """Name the route and not the address, which may hold a secret."""
    return str(getattr(request.scope.get("route"), "path", "?"))

"""Answers other than success, with the status codes by which MetaCat's client tells them apart."""

import json
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from psycopg2 import DataError

INVALID_METADATA = 488


class ServerError(Exception):
    """The server refuses a request; the answer's body is text, or JSON where the client reads details from it."""

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, body: str | dict[str, object]) -> None:
        """Keep the body of the answer."""
        super().__init__(body if isinstance(body, str) else json.dumps(body))
        self.body = body


class BadRequestError(ServerError):
    """The request makes no sense."""

    status = HTTPStatus.BAD_REQUEST


class NotAuthenticatedError(ServerError):
    """The request says of no known user that it comes from them."""

    status = HTTPStatus.UNAUTHORIZED


class ForbiddenError(ServerError):
    """The user may not do this."""

    status = HTTPStatus.FORBIDDEN


class NotFoundError(ServerError):
    """There is nothing of this name."""

    status = HTTPStatus.NOT_FOUND


class AlreadyExistsError(ServerError):
    """There is something of this name already."""

    status = HTTPStatus.CONFLICT


class InvalidMetadataError(ServerError):
    """The metadata of some files is not acceptable; the body lists what is wrong with which."""

    status = INVALID_METADATA


def install(app: FastAPI) -> None:
    """Make the application answer our errors with their status."""
    app.add_exception_handler(ServerError, _refuse)
    app.add_exception_handler(DataError, _refuse_data)


def _refuse(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ServerError):
        raise error
    if isinstance(error.body, str):
        return PlainTextResponse(error.body, status_code=error.status)
    return JSONResponse(error.body, status_code=error.status)


def _refuse_data(_request: Request, error: Exception) -> Response:
    """Answer values that the library cannot put into the database, such as a quote inside a file's metadata."""
    return PlainTextResponse(f"The database refuses a value: {error}", status_code=HTTPStatus.BAD_REQUEST)

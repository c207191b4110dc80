"""Long answers: one JSON text after the other, sent while the database is still being read."""

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice

import psycopg2
from fastapi.responses import StreamingResponse

from localgrid.metacat.errors import BadRequestError
from localgrid.metacat.requests import Json

RECORD_SEPARATOR = "\x1e"
RECORDS_PER_CHUNK = 500


def json_sequence(records: Iterable[Json]) -> StreamingResponse:
    """Answer with a JSON text sequence.

    The first record is read before the status goes out, so that a query the database refuses still is an error.
    """
    rest = iter(records)
    try:
        first = list(islice(rest, 1))
    except psycopg2.Error as error:
        message = f"MQLExecutionError: {error}"
        raise BadRequestError(message) from error
    return StreamingResponse(_chunks(chain(first, rest)), media_type="application/json-seq")


def _chunks(records: Iterator[Json]) -> Iterator[str]:
    while chunk := list(islice(records, RECORDS_PER_CHUNK)):
        yield "".join(f"{RECORD_SEPARATOR}{json.dumps(record)}\n" for record in chunk)

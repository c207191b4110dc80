"""The statements of `models/sql/`: loaded at import, run prepared on psycopg's own connection."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import psycopg
import sqlalchemy
from psycopg.types.json import Jsonb
from pydantic import BaseModel
from sqlmodel import Session

DIRECTORY = Path(__file__).parent / "sql"

Row = tuple[Any, ...]
Connection = psycopg.Connection[Row]
Shape = TypeVar("Shape", bound=BaseModel)

_COMMENT = re.compile(r"--[^\n]*")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with named parameters, `%(name)s`."""

    name: str
    query: bytes

    def run(self, where: Session | Connection, **parameters: object) -> list[Row]:
        """Run it on a connection, or in a session's transaction, and return its rows."""
        connection = where if isinstance(where, psycopg.Connection) else raw_connection(where)
        cursor = connection.execute(self.query, parameters, prepare=True)
        return cursor.fetchall() if cursor.description else []

    def read(self, session: Session, shape: type[Shape], **parameters: object) -> list[Shape]:
        """Run it and return its rows in a shape whose fields are the columns, in their order."""
        names = tuple(shape.model_fields)
        rows = self.run(session, **parameters)
        return [shape.model_validate(dict(zip(names, row, strict=True))) for row in rows]

    def one(self, session: Session, **parameters: object) -> Row:
        """Run a statement that returns exactly one row."""
        (row,) = self.run(session, **parameters)
        return row

    def ids(self, session: Session, **parameters: object) -> list[int]:
        """Run it and return the first column."""
        return [row[0] for row in self.run(session, **parameters)]


def load(name: str, **parts: str) -> Statement:
    """Read `sql/NAME.sql`, with each `/* part */` named in `parts` filled in.

    Comments and layout are left out: psycopg remembers how to bind a statement only when it is short.
    """
    text = (DIRECTORY / f"{name}.sql").read_text(encoding="utf-8")
    for part, replacement in parts.items():
        text = text.replace(f"/* {part} */", replacement)
    return Statement(name, _SPACE.sub(" ", _COMMENT.sub("", text)).strip().encode())


def raw_connection(session: Session) -> Connection:
    """Return psycopg's own connection, within the session's transaction, with what the session holds written first.

    SQLAlchemy's way to the server costs as much as the statement itself on the hot path, and has no COPY.
    """
    if session.new or session.dirty or session.deleted:
        session.flush()
    return driver_connection(session.connection())


def driver_connection(connection: sqlalchemy.Connection) -> Connection:
    """Return psycopg's own connection behind one of SQLAlchemy's."""
    return cast("Connection", connection.connection.driver_connection)


def jsonb(document: Mapping[str, Any] | Sequence[Any] | None) -> Jsonb | None:
    """Make a parameter of a JSON document."""
    return None if document is None else Jsonb(document)

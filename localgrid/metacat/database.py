"""Connections as MetaCat's database objects want them, and a pool of them for the length of a request."""

import re
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Annotated, Any, Self

import psycopg2
from fastapi import Depends, Request
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as RawConnection  # noqa: N812

from localgrid.metacat.library import PACKAGED_SCHEMA

MOST_IDLE = 8
CONNECT_SECONDS = 10


class Transaction:
    """A transaction that ends with its `with` block.

    The library's own commits when it is garbage-collected. Begin and commit go through cursors of their own, because
    the library still reads from the first cursor after the block has ended.
    """

    def __init__(self, raw: RawConnection) -> None:
        """Make a transaction on a connection in autocommit mode."""
        self._raw = raw
        self._cursor = raw.cursor()

    def __enter__(self) -> Self:
        """Begin."""
        self.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Commit, or roll back after an error."""
        if kind is None:
            self.commit()
        else:
            self.rollback()

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """List the rows of the last statement."""
        return iter(self._cursor)

    def __getattr__(self, name: str) -> Any:
        """Offer everything else that a cursor does."""
        return getattr(self._cursor, name)

    def begin(self) -> None:
        """Begin."""
        self._execute("BEGIN")

    def commit(self) -> None:
        """Commit."""
        self._execute("COMMIT")

    def rollback(self) -> None:
        """Roll back."""
        self._execute("ROLLBACK")

    def cursor_iterator(self) -> Iterator[tuple[Any, ...]]:
        """List the rows of the last statement."""
        return iter(self._cursor)

    results = cursor_iterator

    def one(self) -> tuple[Any, ...] | None:
        """Return the next row of the last statement."""
        row: tuple[Any, ...] | None = self._cursor.fetchone()
        return row

    def _execute(self, statement: str) -> None:
        with self._raw.cursor() as cursor:
            cursor.execute(statement)


class Connection:
    """What the library takes for a database."""

    def __init__(self, url: str) -> None:
        """Connect."""
        self.raw = psycopg2.connect(url, connect_timeout=CONNECT_SECONDS)
        self.raw.autocommit = True

    def cursor(self) -> Any:
        """Return a cursor that commits each statement."""
        return self.raw.cursor()

    def transaction(self, **_options: object) -> Transaction:
        """Return a transaction for a `with` block."""
        return Transaction(self.raw)

    def tidy(self) -> bool:
        """Drop the temporary tables that the library leaves behind; say whether the connection can be used again."""
        if self.raw.closed or self.raw.info.transaction_status != TRANSACTION_STATUS_IDLE:
            return False
        try:
            self.cursor().execute("DISCARD TEMP")
        except psycopg2.Error:
            return False
        return True

    def close(self) -> None:
        """Disconnect."""
        self.raw.close()


class ConnectionPool:
    """Connections that wait for the next request; a lost one is replaced by a new one."""

    def __init__(self, url: str) -> None:
        """Make an empty pool."""
        self._url = url
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    def take(self) -> Connection:
        """Return a connection that works."""
        while True:
            with self._lock:
                idle = self._idle.pop() if self._idle else None
            if idle is None:
                return Connection(self._url)
            # The server may have been restarted since, and only a use shows it.
            if idle.tidy():
                return idle
            idle.close()

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for later."""
        usable = connection.tidy()
        with self._lock:
            keep = usable and len(self._idle) < MOST_IDLE
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()

    def close(self) -> None:
        """Disconnect all that are idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


def connection(request: Request) -> Iterator[Connection]:
    """Lend a connection to a request until its answer is sent, for answers are read from it as they go out."""
    pool: ConnectionPool = request.app.state.pool
    lent = pool.take()
    try:
        yield lent
    finally:
        pool.give_back(lent)


Database = Annotated[Connection, Depends(connection)]


def create_schema(database: Connection) -> None:
    """Create MetaCat's tables unless they are there."""
    with database.transaction() as transaction:
        transaction.execute("SELECT to_regclass('files')")
        row = transaction.one()
        if row and row[0] is None:
            transaction.execute(loadable_schema(PACKAGED_SCHEMA))


def loadable_schema(packaged: str) -> str:
    """Return the packaged schema without its trailing commas and its grants to roles of another laboratory."""
    tables = packaged[: packaged.lower().index("\ngrant ")]
    return re.sub(r",(\s*\))", r"\1", tables)

"""The partitions of the events: one a month, made ahead, and dropped when they are old.

Each is made or dropped in a transaction of its own that waits for locks for a moment only: whoever reads or writes
events is not held up behind it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from psycopg import errors, sql

from models import database
from models.database import Database, Session
from models.statements import Connection, load, raw_connection

LOCK_TIMEOUT = "2s"

_LIST = load("list_partitions")


class TableInUse(Exception):
    """Somebody has the events for longer than is waited for."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of the events by time."""

    name: str
    since: datetime | None
    """None for the first, which begins with the first event."""
    until: datetime
    """Not included."""


def several(session: Session) -> list[Partition]:
    """List the partitions, earliest first, without the one for what fits into none."""
    return [Partition(*row) for row in _LIST.run(session)]


def months_ahead(now: datetime, count: int) -> list[tuple[datetime, datetime]]:
    """Return the bounds of the present month and of as many after it."""
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    bounds = [start]
    for _ in range(count + 1):
        bounds.append(_month_after(bounds[-1]))
    return list(pairwise(bounds))


def make(opened: Database, since: datetime, until: datetime) -> str:
    """Make the partition for a month, with the events of that time that had nowhere else to go; return its name.

    Raises `TableInUse`.
    """
    name = f"events_{since:%Y_%m}"
    with _locking(opened) as connection:
        table = sql.Identifier(name)
        bounds = {"table": table, "since": sql.Literal(since), "until": sql.Literal(until)}
        connection.execute(sql.SQL("CREATE TABLE {} (LIKE events INCLUDING DEFAULTS)").format(table))
        # Nothing may come into the default partition between the move and the attachment.
        connection.execute("LOCK TABLE events_default IN ACCESS EXCLUSIVE MODE")
        connection.execute(
            sql.SQL(
                "WITH moved AS (DELETE FROM events_default WHERE time >= {since} AND time < {until} RETURNING *)"
                " INSERT INTO {table} SELECT * FROM moved"
            ).format(**bounds)
        )
        # Unlike CREATE TABLE … PARTITION OF, this lets others read and write meanwhile.
        connection.execute(
            sql.SQL("ALTER TABLE events ATTACH PARTITION {table} FOR VALUES FROM ({since}) TO ({until})").format(
                **bounds
            )
        )
    return name


def drop(opened: Database, partition: Partition) -> None:
    """Drop a partition with its events. Raises `TableInUse`."""
    with _locking(opened) as connection:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(partition.name)))


def last_event(session: Session, partition: Partition) -> int:
    """Return the last event of a partition, or 0."""
    query = sql.SQL("SELECT coalesce(max(event_id), 0) FROM {}").format(sql.Identifier(partition.name))
    return int(raw_connection(session).execute(query).fetchall()[0][0])


@contextmanager
def _locking(opened: Database) -> Iterator[Connection]:
    try:
        with database.session(opened) as session:
            connection = raw_connection(session)
            connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_TIMEOUT))
            yield connection
    except errors.LockNotAvailable as error:
        raise TableInUse(f"the events are in use: {error}") from error


def _month_after(start: datetime) -> datetime:
    return (start + timedelta(days=32)).replace(day=1)

"""Connections to PostgreSQL, sessions that commit at their end, and the check that the schema is ours."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Final

import psycopg
from psycopg.types.numeric import Int8Dumper
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

__all__ = ["Database", "Session", "check_schema", "connect", "session", "upgrade"]

DRIVER = "postgresql+psycopg"
CONNECT_SECONDS = 10
RESTED_SECONDS = 1.0
IDLE_TRANSACTION_SECONDS = 120

# Planning a claim takes six times as long as doing it, and statistics that are behind make a bad plan of it.
_STEADY_PLANS: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
_PLAIN_SCHEMES = {"postgres", "postgresql"}


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL database and the pool of connections to it; threads may share it, processes may not."""

    engine: Engine = field(repr=False)

    def close(self) -> None:
        """Close the idle connections; those in use close when they are given back."""
        self.engine.dispose()


def connect(
    url: str,
    *,
    application_name: str = "justin",
    pool_size: int = 10,
    statement_timeout_seconds: float = 60.0,
    steady_plans: bool = False,
) -> Database:
    """Prepare connections to a database; the first is made when a session needs it.

    With `steady_plans` the server plans each statement once and reaches rows by index alone, whatever its statistics
    say: for the few statements of the allocator, which all have their indexes and are run a thousand times a second.

    A session waits up to 30 s for a connection of the pool. The server ends idle transactions after two minutes.
    """
    engine = create_engine(
        _with_driver(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        # Parameters are users' texts: errors and logs do without them.
        hide_parameters=True,
        connect_args={
            "application_name": application_name,
            "connect_timeout": CONNECT_SECONDS,
            "options": _options(statement_timeout_seconds, _STEADY_PLANS if steady_plans else {}),
        },
    )
    event.listen(engine, "connect", _send_integers_alike)
    event.listen(engine, "checkin", _note_rest)
    event.listen(engine, "checkout", _wake)
    return Database(engine)


@contextmanager
def session(database: Database) -> Iterator[Session]:
    """Open a session that commits at the end of the block, and rolls back when the block raises.

    Objects stay readable after the commit.
    """
    with Session(database.engine, expire_on_commit=False) as opened, opened.begin():
        yield opened


@contextmanager
def single_statements(database: Database) -> Iterator[Session]:
    """Open a session in which every statement is a transaction of its own, which spares two round trips."""
    with Session(database.engine.execution_options(isolation_level="AUTOCOMMIT")) as opened:
        yield opened


def upgrade(database: Database) -> None:
    """Bring the database to the newest schema."""
    _migrations().upgrade(database.engine)


def check_schema(database: Database) -> None:
    """Raise `migrations.SchemaMismatch` unless the database is at the newest schema."""
    _migrations().check(database.engine)


def _migrations() -> ModuleType:
    # Alembic takes a while to import, which only those that start and migrate need to spend.
    from models import migrations

    return migrations


def _with_driver(url: str) -> URL:
    parsed = make_url(url)
    return parsed.set(drivername=DRIVER) if parsed.drivername in _PLAIN_SCHEMES else parsed


def _send_integers_alike(connection: psycopg.Connection[Any], _: object) -> None:
    """Send every integer as bigint: by size, psycopg would prepare a statement anew for each mix of sizes."""
    connection.adapters.register_dumper(int, Int8Dumper)


def _note_rest(_: object, record: ConnectionPoolEntry) -> None:
    record.info["rests_since"] = time.monotonic()


def _wake(connection: psycopg.Connection[Any], record: ConnectionPoolEntry, _: object) -> None:
    """See that a connection which has rested still reaches the server; one just used is not asked."""
    if time.monotonic() - record.info.get("rests_since", math.inf) < RESTED_SECONDS:
        return
    try:
        connection.execute("")
        connection.rollback()
    except psycopg.Error as error:
        raise DisconnectionError("the server has closed the connection") from error


def _options(statement_timeout_seconds: float, more: Mapping[str, str]) -> str:
    settings = {
        "timezone": "UTC",
        # Our statements are short: compiling them costs more than it saves.
        "jit": "off",
        "statement_timeout": f"{statement_timeout_seconds:.3f}s",
        "idle_in_transaction_session_timeout": f"{IDLE_TRANSACTION_SECONDS}s",
        **more,
    }
    return " ".join(f"-c {name}={value}" for name, value in settings.items())

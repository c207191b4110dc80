"""Connections to PostgreSQL, sessions that commit at their end, and the check that the schema is ours."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.types.numeric import Int8Dumper
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

__all__ = ["Database", "SchemaMismatch", "Session", "check_schema", "connect", "migrations", "session", "upgrade"]

DRIVER = "postgresql+psycopg"
CONNECT_SECONDS = 10
RESTED_SECONDS = 1.0
IDLE_TRANSACTION_SECONDS = 120
_PLAIN_SCHEMES = {"postgres", "postgresql"}
_UPGRADE_LOCK = 0x6A757374696E
_MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaMismatch(RuntimeError):
    """The database has another schema than this version of the program."""


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
) -> Database:
    """Prepare connections to a database; the first is made when a session needs it.

    A session waits up to 30 s for a connection of the pool. The server ends idle transactions after two minutes.
    """
    engine = create_engine(
        _with_driver(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        connect_args={
            "application_name": application_name,
            "connect_timeout": CONNECT_SECONDS,
            "options": _options(statement_timeout_seconds),
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


def migrations(database: Database | None = None) -> Config:
    """Return Alembic's configuration, for this database when one is given."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    if database:
        config.attributes["engine"] = database.engine
    return config


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database to a schema, the newest by default; one that runs at the same time is waited for."""
    # Not in a transaction: the server would end one that is idle for as long as a migration may take.
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_UPGRADE_LOCK})")
        command.upgrade(migrations(database), revision)
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_UPGRADE_LOCK})")


def check_schema(database: Database) -> None:
    """Raise `SchemaMismatch` unless the database is at the newest migration."""
    newest = ScriptDirectory.from_config(migrations()).get_current_head()
    with database.engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != newest:
        message = f"the database is at schema {found}, the program at {newest}: run 'python -m models upgrade'"
        raise SchemaMismatch(message)


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


def _options(statement_timeout_seconds: float) -> str:
    settings = {
        "timezone": "UTC",
        # Our statements are short: compiling them costs more than it saves.
        "jit": "off",
        "statement_timeout": f"{statement_timeout_seconds:.3f}s",
        "idle_in_transaction_session_timeout": f"{IDLE_TRANSACTION_SECONDS}s",
    }
    return " ".join(f"-c {name}={value}" for name, value in settings.items())

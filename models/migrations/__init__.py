"""The schema, step by step, and the way to its newest step."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Engine

NEWEST: Final = "head"

_UPGRADE_LOCK = 0x6A757374696E


class SchemaMismatch(RuntimeError):
    """The database has another schema than this version of the program."""


def configuration(engine: Engine | None = None) -> Config:
    """Return Alembic's configuration, for one database when its engine is given."""
    config = Config(stdout=sys.stdout)
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    if engine:
        config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, revision: str = NEWEST, tell: Callable[[str], None] | None = None) -> None:
    """Bring the database to a schema; another upgrade that runs at the same time is waited for.

    `tell` gets a line for each step that was made; all of them are undone when a later one fails.
    """
    wanted = configuration(engine)
    if tell:
        wanted.attributes["on_step"] = _telling(tell)
    # Not in a transaction: the server would end one that is idle for as long as a migration may take.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_UPGRADE_LOCK})")
        command.upgrade(wanted, revision)
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_UPGRADE_LOCK})")


def _telling(tell: Callable[[str], None]) -> Callable[..., None]:
    def on_step(*, step: MigrationInfo, **_: Any) -> None:
        made = step.up_revision
        if isinstance(made, Script):
            tell(f"{made.revision}: {made.doc}")

    return on_step


def check(engine: Engine) -> None:
    """Raise `SchemaMismatch` unless the database is at the newest schema."""
    newest = ScriptDirectory.from_config(configuration()).get_current_head()
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != newest:
        message = f"the database is at schema {found}, the program at {newest}: run 'python -m models upgrade'"
        raise SchemaMismatch(message)

"""Starts Prefect's server on the grid's PostgreSQL where that has what Prefect needs, else on SQLite.

`python -m scripts.prefect_server GRID_DIRECTORY`. SQLite serves, but says "database is locked" on a busy machine, and
runs are late then. The PostgreSQL inside the package index's wheel lacks the extension that Prefect's tables need.
"""

import os
import sys
from pathlib import Path

import psycopg

from localgrid.grid import Grid

DATABASE = "prefect"
NEEDED_EXTENSION = "pg_trgm"
URL_VARIABLE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
CONNECT_SECONDS = 10


def database_environment(grid: Grid) -> dict[str, str]:
    """Return what tells Prefect's server which database to use; nothing for SQLite in its own folder."""
    # On the user's own server we keep to the databases that cleaning up knows.
    if not grid.starts_postgres or not _has_extension(grid):
        return {}
    grid.server.ensure_database(DATABASE)
    return {URL_VARIABLE: grid.server.url(DATABASE, "asyncpg")}


def _has_extension(grid: Grid) -> bool:
    query = "SELECT 1 FROM pg_available_extensions WHERE name = %s"
    with psycopg.connect(grid.database_server, connect_timeout=CONNECT_SECONDS) as connection:
        return connection.execute(query, [NEEDED_EXTENSION]).fetchone() is not None


if __name__ == "__main__":
    os.environ.update(database_environment(Grid.read(Path(sys.argv[1]))))
    os.execv(sys.executable, [sys.executable, "-m", "prefect", "server", "start"])  # noqa: S606  it becomes the server

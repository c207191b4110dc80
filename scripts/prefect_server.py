"""Starts Prefect's server on the grid's PostgreSQL where that has what Prefect needs, else on SQLite.

`python -m scripts.prefect_server GRID_DIRECTORY`. SQLite serves, but says "database is locked" on a busy machine, and
runs are late then. The PostgreSQL inside the package index's wheel lacks the extension that Prefect's tables need.
"""

import os
import sys
from pathlib import Path

import psycopg

from localgrid.grid import Grid
from localgrid.postgres import Server

DATABASE = "prefect"
NEEDED_EXTENSION = "pg_trgm"
URL_VARIABLE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
CONNECT_SECONDS = 10


def main() -> None:
    """Become Prefect's server."""
    grid = Grid.read(Path(sys.argv[1]))
    # On the user's own server we keep to the databases that cleaning up knows.
    if grid.starts_postgres:
        os.environ.update(database_environment(grid.server, DATABASE))
    os.execv(sys.executable, [sys.executable, "-m", "prefect", "server", "start"])  # noqa: S606  it becomes the server


def database_environment(server: Server, database: str) -> dict[str, str]:
    """Return what tells Prefect's server to use a database, made if need be; nothing where only SQLite will do."""
    if not _has_extension(server):
        return {}
    server.ensure_database(database)
    return {URL_VARIABLE: server.url(database, "asyncpg")}


def _has_extension(server: Server) -> bool:
    query = "SELECT 1 FROM pg_available_extensions WHERE name = %s"
    with psycopg.connect(server.maintenance_url, connect_timeout=CONNECT_SECONDS) as connection:
        return connection.execute(query, [NEEDED_EXTENSION]).fetchone() is not None


if __name__ == "__main__":
    main()

"""Runtimes for tests: the real database, and catalogues that are real or out of reach."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from engine import wiring
from engine.code_settings import Git, Rcds
from engine.runtime import Runtime
from engine.settings import Containers, MetaCat, Rucio, Settings
from engine.settings import Database as DatabaseSettings
from localgrid.postgres import Server
from models.database import Database
from models.tables import metadata

NOBODY = "http://127.0.0.1:9"
"""The discard port: nothing listens there."""


@pytest.fixture(scope="session")
def lasting_runtime(
    postgres_server: Server, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runtime]:
    """The runtime behind `runtime`, for servers that outlive a test."""
    name = f"justin_test_{os.getpid()}_runtime"
    made = _assemble(postgres_server.create_database(name, template_database), tmp_path_factory.mktemp("code"))
    yield made
    made.database.close()
    postgres_server.drop_database(name)


@pytest.fixture
def fresh_runtime(database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    """A runtime on a database of this test's own, whose keys begin at 1."""
    made = _assemble(database_url, tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def runtime(lasting_runtime: Runtime) -> Iterator[Runtime]:
    """A runtime on an empty database in which several connections may meet; no catalogue answers."""
    yield lasting_runtime
    empty(lasting_runtime.database)


def _assemble(url: str, code: Path) -> Runtime:
    return wiring.assemble(out_of_reach(url, code), "justin-test")


def out_of_reach(url: str, code: Path = Path("/nowhere")) -> Settings:
    """Make settings with a database, and catalogues that nobody serves; repositories are below a folder."""
    return Settings(
        database=DatabaseSettings(url=SecretStr(url), pool_size=20),
        metacat=MetaCat(url=NOBODY, timeout_seconds=1),
        rucio=Rucio(url=NOBODY, timeout_seconds=1),
        git=Git(url=NOBODY, directory=code / "repositories", mirrors=code / "mirrors"),
        rcds=Rcds(urls=[NOBODY], timeout_seconds=1, tries=1),
        containers=Containers(privileged_quotas=["*"]),
    )


def empty(database: Database) -> None:
    """Delete every row: faster than a new database, and keys go on counting, so that none is mistaken for another."""
    with database.engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())

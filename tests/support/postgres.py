"""Databases for tests: one server for the run, one migrated template, and copies of it for whoever needs one."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from localgrid import postgres
from localgrid.postgres import Server
from models import database, migrations
from models.database import Database, Session

URL_VARIABLE = "JUSTIN_TEST_DATABASE_URL"
TEMPLATE = f"justin_template_{os.getpid()}"

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL server: the one that JUSTIN_TEST_DATABASE_URL names, else one of our own for this run."""
    url = os.environ.get(URL_VARIABLE)
    if url:
        yield Server(url)
        return
    with postgres.running(_directory(tmp_path_factory), fast=True) as server:
        yield server


@pytest.fixture(scope="session")
def template_database(postgres_server: Server) -> Iterator[str]:
    """The name of a database at the newest schema, with no rows, to be copied."""
    opened = database.connect(postgres_server.create_database(TEMPLATE))
    migrations.upgrade(opened.engine)
    opened.close()
    yield TEMPLATE
    postgres_server.drop_database(TEMPLATE)


@pytest.fixture
def database_url(postgres_server: Server, template_database: str) -> Iterator[str]:
    """The URL of a fresh database of this test's own."""
    name = f"justin_test_{os.getpid()}_{next(_numbers)}"
    yield postgres_server.create_database(name, template_database)
    postgres_server.drop_database(name)


@pytest.fixture
def fresh_database(database_url: str) -> Iterator[Database]:
    """A fresh database in which several connections may meet."""
    opened = database.connect(database_url, pool_size=40)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def shared_database(postgres_server: Server, template_database: str) -> Iterator[Database]:
    """A database in which nothing is ever committed."""
    name = f"justin_test_{os.getpid()}_shared"
    opened = database.connect(postgres_server.create_database(name, template_database))
    yield opened
    opened.close()
    postgres_server.drop_database(name)


@pytest.fixture
def session(shared_database: Database) -> Iterator[Session]:
    """A session whose work is undone after the test."""
    with Session(shared_database.engine, expire_on_commit=False) as opened:
        yield opened
        opened.rollback()


def _directory(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("postgres")

"""Runtimes for tests: the real database, and catalogues that are real or out of reach."""

from collections.abc import Iterator

import pytest

from engine import wiring
from engine.runtime import Runtime
from engine.settings import Database as DatabaseSettings
from engine.settings import MetaCat, Rucio, Settings

NOBODY = "http://127.0.0.1:9"
"""The discard port: nothing listens there."""


@pytest.fixture
def runtime(database_url: str) -> Iterator[Runtime]:
    """A runtime on a fresh database of this test's own; no catalogue answers."""
    settings = Settings(
        database=DatabaseSettings(url=database_url, pool_size=20),
        metacat=MetaCat(url=NOBODY, timeout_seconds=1),
        rucio=Rucio(url=NOBODY, timeout_seconds=1),
    )
    made = wiring.assemble(settings, "justin-test")
    yield made
    made.database.close()

"""What the tests of the grid's servers share."""

from pathlib import Path
from typing import Any

import pytest

from localgrid.grid import Grid
from tests.support.metacat import World, make_world, sign_in


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where MetaCat's clients keep their tokens."""
    return tmp_path_factory.mktemp("metacat")


@pytest.fixture(scope="session")
def client(grid: Grid, directory: Path) -> Any:
    """MetaCat's client, signed in as the production user."""
    return sign_in(grid, "justin", directory)


@pytest.fixture(scope="session")
def world(client: Any) -> World:
    """A small world that tests read, and add to under names of their own."""
    return make_world(client)

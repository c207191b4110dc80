"""A whole grid for whoever asks: started once in a run, lazily, and gone when the run ends, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import pytest

from localgrid import lifecycle
from localgrid.grid import IN_USE_FILE, Grid, environment
from localgrid.guard import cleaned_up

ROOT = Path(__file__).resolve().parent.parent.parent
SLOTS_PER_SITE = 3


@pytest.fixture(scope="session")
def grid() -> Iterator[Grid]:
    """A running grid with a fast PostgreSQL; tests share it, so they name their things with care."""
    with free_directory() as (directory, lock), cleaned_up(directory, holding=[lock]):
        # A run that was killed before its clean-up was done may have left a grid here.
        if (directory / "grid.json").exists():
            lifecycle.down(directory, clean=True)
        try:
            yield lifecycle.up(directory, fast=True, slots_per_site=SLOTS_PER_SITE)
        finally:
            lifecycle.down(directory, clean=True)


@pytest.fixture
def grid_environment(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings of the grid, set in the environment for one test."""
    settings = environment(grid)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings


@contextmanager
def free_directory() -> Iterator[tuple[Path, int]]:
    """Find a directory for a test grid that no other run uses, and the descriptor of the lock that keeps it ours."""
    with ExitStack() as stack:
        for number in count(1):
            directory = ROOT / "var" / f"test-grid-{number}"
            directory.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((directory / IN_USE_FILE).open("w"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield directory, lock.fileno()
            return

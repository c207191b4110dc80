"""The two catalogues of the test grid, through the adapters that production uses."""

import uuid
from pathlib import Path

import pytest

from engine.adapters.metacat import MetaCat
from engine.adapters.rucio import Rucio
from engine.settings import MetaCat as MetaCatSettings
from engine.settings import Rucio as RucioSettings
from engine.settings import Settings
from localgrid.grid import Grid

SCOPE = "usertests"


@pytest.fixture
def settings(grid_environment: dict[str, str]) -> Settings:
    return Settings()


@pytest.fixture
def metacat(settings: Settings) -> MetaCat:
    return MetaCat(settings.metacat)


@pytest.fixture
def rucio(settings: Settings) -> Rucio:
    return Rucio(settings.rucio, settings.replicas.schemes)


@pytest.fixture
def unreachable_metacat(settings: Settings) -> MetaCat:
    return MetaCat(settings.metacat.model_copy(update={"url": "http://127.0.0.1:9"}))


@pytest.fixture
def unreachable_rucio(settings: Settings) -> Rucio:
    return Rucio(settings.rucio.model_copy(update={"url": "http://127.0.0.1:9"}), ["file"])


@pytest.fixture
def metacat_with_wrong_password(settings: Settings, tmp_path: Path) -> MetaCat:
    return MetaCat(MetaCatSettings(url=settings.metacat.url, username="justin", password_file=_wrong(tmp_path)))


@pytest.fixture
def rucio_with_wrong_password(settings: Settings, tmp_path: Path) -> Rucio:
    return Rucio(RucioSettings(url=settings.rucio.url, password_file=_wrong(tmp_path)), ["file"])


@pytest.fixture
def prefix(grid: Grid) -> str:
    """A beginning of names that no other test uses."""
    return f"{SCOPE}:{uuid.uuid4().hex[:8]}"


def _wrong(directory: Path) -> Path:
    file = directory / "password"
    file.write_text("wrong")
    return file

"""Whole grids: up, status and down, also when they are killed in the middle of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from engine.settings import Settings
from localgrid import condor, lifecycle, postgres, processes
from localgrid.errors import GridError, NoGridError
from localgrid.grid import Grid, environment
from localgrid.guard import cleaned_up
from localgrid.identity import PROC, Identity
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
NAMES = {"postgres", "rucio", "rucio-daemons", "metacat", "rcds", "pool"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for a grid of the test's own, which is down and gone after the test."""
    monkeypatch.delenv(postgres.URL_VARIABLE, raising=False)
    directory = tmp_path / "grid"
    with cleaned_up(directory):
        yield directory
        with suppress(NoGridError):
            lifecycle.down(directory, clean=True)
    assert running_of(directory) == []


def localgrid(*words: str, **variables: str) -> "subprocess.Popen[str]":
    """Start the command."""
    return subprocess.Popen(
        [sys.executable, "-m", "localgrid", *words],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*words: str, **variables: str) -> tuple[int, str]:
    """Run the command to its end; return its exit status and what it printed on standard output."""
    with localgrid(*words, **variables) as process:
        printed, complaints = process.communicate(timeout=120)
    assert "Traceback" not in complaints, complaints
    return process.returncode, printed


def identities(directory: Path) -> dict[str, Identity]:
    found = {record.name: record.identity for record in processes.records(directory)}
    return {name: identity for name, identity in found.items() if identity and identity.alive()}


def running_of(directory: Path) -> list[str]:
    """List the commands of all processes that name the directory in their command line or environment."""
    found = []
    for entry in PROC.iterdir():
        try:
            told = [(entry / name).read_bytes() for name in ("cmdline", "environ")] if entry.name.isdigit() else []
        except OSError:
            continue
        if any(f"{directory}/".encode() in text or f"{directory}:".encode() in text for text in told):
            found.append(told[0].replace(b"\0", b" ").decode())
    return found


def test_up_again_and_down(place: Path) -> None:
    code, printed = run("up", "--fast", "--json", "-d", str(place))
    described = json.loads(printed)
    assert code == 0
    assert described["sites"] == {"UK_Manchester": "MANCHESTER", "CH_CERN": "CERN", "US_FNAL": "FNAL"}
    grid = Grid.read(place)
    assert all(grid.secret(name) not in printed for name in ("postgres", "rucio-root", "metacat-justin"))

    first = identities(place)
    assert set(first) == NAMES
    assert run("up", "--fast", "-d", str(place))[0] == 0
    assert identities(place) == first

    code, printed = run("status", "--json", "-d", str(place))
    assert code == 0
    assert {each["component"]: each["state"] for each in json.loads(printed)} == dict.fromkeys(NAMES, "running")

    assert run("down", "-d", str(place))[0] == 0
    assert identities(place) == {}
    assert run("status", "-d", str(place))[0] == 1
    assert (place / "storage" / "CERN").exists()
    assert run("down", "--clean", "-d", str(place))[0] == 0
    assert [entry.name for entry in place.iterdir()] == ["lock"]
    assert run("status", "-d", str(place))[0] == 1


MOMENTS: dict[str, Callable[[Path], object]] = {
    "the database is made": lambda place: (postgres.install(place, 0, "").place / "postgres.new").exists(),
    "servers start": lambda place: (place / "run" / "metacat.pid").exists(),
    "the schema is made": lambda place: (place / "rucio" / "etc" / "rucio.cfg").exists(),
    "Rucio is filled": lambda place: [line for line in running_of(place) if "rucio_catalogue" in line],
}


def kill_when(process: "subprocess.Popen[str]", condition: Callable[[], object]) -> None:
    while not condition():
        assert process.poll() is None, "it ended before the moment came"
        time.sleep(0.005)
    process.kill()
    process.communicate()


def test_up_that_is_killed_is_completed_by_the_next(place: Path) -> None:
    for moment, reached in MOMENTS.items():
        with localgrid("up", "--fast", "-d", str(place)) as process:
            kill_when(process, lambda: reached(place))  # noqa: B023 - used at once
        print(f"killed when {moment}")
    assert run("up", "--fast", "-d", str(place))[0] == 0
    assert set(identities(place)) == NAMES
    # Of each server there is one, whoever started it.
    commands = running_of(place)
    pool = "localgrid.pool " if condor.obstacle() else "sbin/condor_master "
    for word in ("localgrid.metacat ", pool, "daemons.py", "serve.py"):
        masters = [line for line in commands if word in line]
        assert len(masters) == (2 if word == "serve.py" else 1), commands


def test_killed_components_are_started_again_and_only_those(place: Path) -> None:
    lifecycle.up(place, fast=True)
    before = identities(place)
    killed = [before[name] for name in ("metacat", "postgres", "rucio")]
    for identity in killed:
        os.kill(identity.pid, signal.SIGKILL)
    wait_until(lambda: not any(identity.alive() for identity in killed))
    states = {each.component: each.state for each in lifecycle.status(place)}
    assert states == {**dict.fromkeys(NAMES, "running"), **dict.fromkeys(("metacat", "postgres", "rucio"), "died")}
    lifecycle.up(place, fast=True)
    after = identities(place)
    assert {name for name in NAMES if after[name] == before[name]} == {"pool", "rucio-daemons"}


def test_two_grids_do_not_disturb_each_other(grid: Grid, place: Path) -> None:
    before = identities(grid.directory)
    other = lifecycle.up(place, fast=True)
    assert not set(other.ports.values()) & set(grid.ports.values())
    lifecycle.down(place, clean=True)
    assert identities(grid.directory) == before


def test_secrets_are_for_their_owner_only(grid: Grid) -> None:
    files = [grid.directory / "grid.json", *(grid.directory / "secrets").iterdir()]
    files += [grid.directory / "rucio" / "etc" / "rucio.cfg", grid.directory / "metacat" / "configuration.json"]
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o600"}
    secrets = [grid.secret(name) for name in ("postgres", "rucio-root", "rucio-justin", "metacat-justin")]
    told = [path.read_text() for path in (grid.directory / "log").iterdir()] + running_commands()
    assert not [text for text in told if any(secret in text for secret in secrets)]


def running_commands() -> list[str]:
    commands = []
    for entry in PROC.iterdir():
        try:
            commands += [(entry / "cmdline").read_text()] if entry.name.isdigit() else []
        except OSError:
            continue
    return commands


def test_settings_of_the_system_are_those_of_the_grid(grid: Grid, grid_environment: dict[str, str]) -> None:
    assert grid_environment == environment(grid)
    settings = Settings()
    assert settings.rucio.url == grid.rucio_url
    assert settings.metacat.url == grid.metacat_url
    assert settings.pool.directory == grid.pool_directory
    assert settings.replicas.schemes == ["file"]
    with psycopg.connect(settings.database.url.get_secret_value().replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("justin",)


def test_users_own_database_server_is_used_and_left_as_it_was(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.running(tmp_path / "theirs", fast=True) as theirs:
        own = theirs.create_database("mine")
        monkeypatch.setenv(postgres.URL_VARIABLE, own)
        grid = lifecycle.up(place)
        assert set(identities(place)) == NAMES - {"postgres"}
        assert grid.database_url == theirs.url("mine", "psycopg")
        with psycopg.connect(own) as connection:
            listed = connection.execute("SELECT datname FROM pg_database").fetchall()
        assert {("mine_rucio",), ("mine_metacat",)} <= set(listed)
        lifecycle.down(place, clean=True)
        with psycopg.connect(own) as connection:
            listed = connection.execute("SELECT datname FROM pg_database").fetchall()
        assert ("mine_rucio",) not in listed
        assert ("mine",) in listed


def test_grid_wants_a_directory_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(GridError, match=r"thesis\.tex"):
        lifecycle.up(tmp_path)
    with pytest.raises(NoGridError):
        lifecycle.down(tmp_path, clean=True)
    assert (tmp_path / "thesis.tex").exists()


def test_nothing_is_done_where_there_is_no_grid(tmp_path: Path) -> None:
    with pytest.raises(NoGridError):
        lifecycle.down(tmp_path, clean=True)
    with pytest.raises(NoGridError):
        lifecycle.status(tmp_path)
    assert list(tmp_path.iterdir()) == []

"""PostgreSQL servers of our own."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from localgrid import accounts, postgres, postgres_programs, processes
from localgrid.errors import GridError
from localgrid.identity import working_in
from localgrid.postgres import Server
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_server_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(postgres.URL_VARIABLE, raising=False)


def test_databases_come_from_templates_and_go(tmp_path: Path) -> None:
    with postgres.running(tmp_path, fast=True) as server:
        with psycopg.connect(server.create_database("template"), autocommit=True) as connection:
            connection.execute("CREATE TABLE things (thing_id integer)")
        with closing(psycopg.connect(server.create_database("copy", template="template"))) as connection:
            assert connection.execute("SELECT count(*) FROM things").fetchone() == (0,)
            server.drop_database("copy")
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        server.drop_database("copy")
        assert server.ensure_database("template") == server.url("template")


def test_server_wants_its_password(tmp_path: Path) -> None:
    with postgres.running(tmp_path, fast=True) as server:
        without = server.maintenance_url.replace(":", ":not", 2).replace("not//", "//", 1)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(without, connect_timeout=5)


def test_nothing_is_left(tmp_path: Path) -> None:
    with postgres.running(tmp_path, fast=True) as server:
        data = postgres.install(tmp_path, 0, "").data
        assert data.exists()
    assert not server.accepts_connections()
    assert not data.exists()
    assert not list(accounts.PRIVATE_ROOT.glob(f"{data.parent.name}*")) or data.parent == tmp_path


def test_data_stay_when_they_are_to_be_kept(tmp_path: Path) -> None:
    with postgres.running(tmp_path, keep=True) as server:
        server.create_database("kept")
    with postgres.running(tmp_path) as server, psycopg.connect(server.url("kept")):
        pass


def test_server_of_a_killed_program_is_stopped(tmp_path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from localgrid import postgres
with postgres.running(Path({str(tmp_path)!r}), fast=True) as server:
    print(server.maintenance_url, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    server = Server(done.stdout.strip())
    wait_until(lambda: not (server.accepts_connections() or (tmp_path / "run").exists()))


def test_killed_server_starts_again_on_its_data(tmp_path: Path) -> None:
    with postgres.running(tmp_path, fast=True) as server:
        server.create_database("kept")
        known = processes.record(tmp_path, "postgres")
        assert known
        assert known.identity
        os.kill(known.identity.pid, 9)
        installation = postgres.install(tmp_path, server_port(server), password(tmp_path), fast=True)
        assert processes.start(tmp_path, installation.component())
        with psycopg.connect(server.url("kept")):
            pass
        assert len(working_in(installation.data, "postgres")) > 1


def test_initdb_that_was_killed_is_repeated(tmp_path: Path) -> None:
    place = postgres.install(tmp_path, 0, "").place
    (place / "postgres.new").mkdir(parents=True)
    (place / "postgres.new" / "PG_VERSION").write_text("15\n")
    with postgres.running(tmp_path, fast=True) as server:
        assert server.accepts_connections()


def test_programs_of_the_wheel_do_where_the_machine_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_programs, "DEBIAN_ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert "pixeltable" in str(postgres_programs.find_programs())
    monkeypatch.setattr(postgres_programs, "WHEEL_PACKAGE", "no_such_package")
    with pytest.raises(GridError, match="no PostgreSQL programs"):
        postgres_programs.find_programs()


def test_server_runs_from_the_wheel_below_a_closed_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = postgres_programs.in_wheel()[0]
    monkeypatch.setattr(postgres, "find_programs", lambda: wheel)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with postgres.running(closed / "grid", fast=True) as server, psycopg.connect(server.maintenance_url) as connection:
        row = connection.execute("SHOW server_version_num").fetchone()
    assert row
    assert int(row[0]) >= 160000


def test_users_own_server_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with postgres.running(tmp_path / "theirs", fast=True) as theirs:
        monkeypatch.setenv(postgres.URL_VARIABLE, theirs.url("postgres", "psycopg"))
        with postgres.running(tmp_path / "ours") as ours:
            assert ours == theirs
        assert theirs.accepts_connections()
    assert not (tmp_path / "ours").exists()


def server_port(server: Server) -> int:
    return int(server.maintenance_url.rpartition(":")[2].partition("/")[0])


def password(directory: Path) -> str:
    return (directory / "secrets" / "postgres").read_text()

"""The schema: made by the migrations, equal to the tables in the code, and gone back from."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from localgrid.postgres import Server
from models import __main__ as program
from models import database, migrations
from models.database import Database
from models.migrations import SchemaMismatch
from models.tables import metadata


@pytest.fixture
def empty_url(postgres_server: Server) -> Iterator[str]:
    yield postgres_server.create_database("justin_test_migrations")
    postgres_server.drop_database("justin_test_migrations")


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    opened = database.connect(empty_url)
    yield opened
    opened.close()


def test_migrations_make_the_tables_of_the_code(fresh_database: Database) -> None:
    command.check(migrations.configuration(fresh_database.engine))


def test_last_migration_can_be_undone_and_redone(fresh_database: Database) -> None:
    configuration = migrations.configuration(fresh_database.engine)
    newest = ScriptDirectory.from_config(configuration).get_current_head()
    command.downgrade(configuration, "-1")
    with pytest.raises(SchemaMismatch, match=f"the program at {newest}"):
        database.check_schema(fresh_database)
    database.upgrade(fresh_database)
    database.check_schema(fresh_database)


def test_all_migrations_can_be_undone(fresh_database: Database) -> None:
    command.downgrade(migrations.configuration(fresh_database.engine), "base")
    assert inspect(fresh_database.engine).get_table_names() == ["alembic_version"]


def test_unmigrated_database_is_refused(empty: Database) -> None:
    with pytest.raises(SchemaMismatch, match="at schema None"):
        database.check_schema(empty)


def test_command_upgrades_and_checks(
    empty: Database, empty_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUSTIN_DATABASE__URL", empty_url)
    assert program.main(["check"]) == 1
    assert "python -m models upgrade" in capsys.readouterr().err
    assert program.main(["upgrade"]) == 0
    steps = capsys.readouterr().out.splitlines()
    assert steps[0] == "0001: Make all tables."
    assert len(steps) == len(list(ScriptDirectory.from_config(migrations.configuration()).walk_revisions()))
    assert program.main(["upgrade"]) == 0
    assert capsys.readouterr().out == ""
    assert program.main(["check"]) == 0
    assert set(metadata.tables) <= set(inspect(empty.engine).get_table_names())
    assert program.main(["current"]) == 0
    assert "(head)" in capsys.readouterr().out


def test_command_wants_the_address_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("JUSTIN_DATABASE__URL", raising=False)
    for arguments in (["check"], ["check", "--url", "postgresql://justin:correct-horse@localhost/justin"]):
        with pytest.raises(SystemExit):
            program.main(arguments)
    assert "JUSTIN_DATABASE__URL is not set" in capsys.readouterr().err


def test_logs_say_nothing_of_how_the_schema_is_read_and_made(empty: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    database.upgrade(empty)
    database.check_schema(empty)
    assert [record.message for record in caplog.records if record.name.startswith("alembic")] == []


def test_two_upgrades_at_once_make_one_schema(empty: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(database.upgrade, [empty, empty]))
    database.check_schema(empty)

"""Bring the database to the newest schema, or tell which one it has: `python -m models upgrade|check|current`."""

import argparse
import os
import sys

from alembic import command

from models import database, migrations

URL_VARIABLE = "JUSTIN_DATABASE__URL"


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0 when the schema is the newest, or has become it."""
    parser = argparse.ArgumentParser(prog="python -m models", description=__doc__)
    parser.add_argument("command", choices=["upgrade", "check", "current"])
    chosen = parser.parse_args(arguments)
    # Not an option: everybody on the machine can read a command line, and the address may hold a password.
    url = os.environ.get(URL_VARIABLE)
    if not url:
        parser.error(f"{URL_VARIABLE} is not set")
    opened = database.connect(url, application_name="justin-models", statement_timeout_seconds=3600)
    try:
        return _run(chosen.command, opened)
    finally:
        opened.close()


def _run(name: str, opened: database.Database) -> int:
    if name == "upgrade":
        migrations.upgrade(opened.engine, tell=print)
    elif name == "current":
        command.current(migrations.configuration(opened.engine), verbose=True)
    else:
        return _check(opened)
    return 0


def _check(opened: database.Database) -> int:
    try:
        migrations.check(opened.engine)
    except migrations.SchemaMismatch as mismatch:
        print(mismatch, file=sys.stderr)  # noqa: T201  the command's answer
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

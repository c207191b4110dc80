"""The command line: `justin SUBCOMMAND [OPTIONS]`."""

import functools
import os
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import typer

# Importing these registers their subcommands, in the order of the help text.
from justin.cli import workflows  # isort: skip
from justin.cli import campaigns, stages  # isort: skip
from justin.cli import progress, why_not  # isort: skip
from justin.cli import code, files, integrity, jobs, metadata_files, places, probes, provenance, tokens, server  # isort: skip
from justin.cli.command import app
from justin.cli.exits import ExitCode

__all__ = [
    "app",
    "campaigns",
    "code",
    "files",
    "integrity",
    "jobs",
    "main",
    "metadata_files",
    "places",
    "probes",
    "progress",
    "provenance",
    "server",
    "stages",
    "tokens",
    "why_not",
    "workflows",
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line, this process's own by default; ends with SystemExit."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _program()(args=_with_options_of_environment(given), prog_name="justin")


@functools.cache
def _program() -> Any:
    """Build the subcommands, which takes a while, once."""
    return typer.main.get_command(app)


def _with_options_of_environment(arguments: list[str]) -> list[str]:
    """Insert `$JUSTIN_OPTIONS` after the subcommand."""
    try:
        usual = shlex.split(os.environ.get("JUSTIN_OPTIONS", ""))
    except ValueError as error:
        typer.echo(f"justin: JUSTIN_OPTIONS cannot be read: {error}", err=True)
        raise SystemExit(ExitCode.USAGE) from None
    if not usual or not arguments or arguments[0].startswith("-"):
        return arguments
    return [arguments[0], *usual, *arguments[1:]]

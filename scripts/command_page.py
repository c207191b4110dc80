"""Makes docs/user/reference/commands.md from the command line itself; `python -m scripts.command_page` writes it."""

import inspect
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer

from justin.cli import app, exits
from justin.cli.command import CommonOptions

PAGE = Path(__file__).parents[1] / "docs/user/reference/commands.md"

HEAD = """# Subcommands and options

`justin SUBCOMMAND [OPTIONS]`. The options in `$JUSTIN_OPTIONS` are inserted after the subcommand, before those that
were typed. An option that is called repeatable may be given several times.

This page is made from `justin/cli/` by `python -m scripts.command_page`.
"""

TABLE_HEAD = "| option | default | what it is |\n|---|---|---|"


def page() -> str:
    """Write the whole page."""
    return "\n".join([HEAD, *_common(), *_commands(), *_exit_codes()])


def subcommands() -> dict[str, Any]:
    """List the subcommands by their names."""
    return dict(vars(typer.main.get_command(app))["commands"])


def _common() -> Iterator[str]:
    yield f"## Options of every subcommand\n\n{TABLE_HEAD}"
    names = {each.name for each in fields(CommonOptions)}
    yield from (_row(each) for each in subcommands()["whoami"].params if each.name in names)
    yield "| `-h`, `--help` |  | Say what the subcommand does and takes. |\n"


def _commands() -> Iterator[str]:
    common = {each.name for each in fields(CommonOptions)}
    for name, command in subcommands().items():
        own = [each for each in command.params if each.name not in common]
        arguments = "".join(f" {each.metavar}" for each in own if each.param_type_name == "argument")
        yield f"## {name}\n\n`justin {name}{arguments}`\n\n{inspect.cleandoc(command.help)}\n"
        options = [_row(each) for each in own]
        if options:
            yield "\n".join([TABLE_HEAD, *options]) + "\n"


def _row(parameter: Any) -> str:
    names = [""] if parameter.param_type_name == "argument" else parameter.opts
    written = ", ".join(f"`{each} {parameter.metavar or ''}`".replace(" `", "`").replace("` ", "`") for each in names)
    required = "required" if parameter.required else _default(parameter.default)
    return f"| {written} | {required} | {parameter.help} |"


def _default(value: Any) -> str:
    return "" if value in {None, "", False} or value == [] else f"`{getattr(value, 'value', value)}`"


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes\n\n| code | meaning |\n|---|---|"
    yield from (f"| {code.value} | {meaning} |" for code, meaning in exits.MEANINGS.items())
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page())

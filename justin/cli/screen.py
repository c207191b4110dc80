"""What commands show: tables for people, lines for pipes, one JSON document for programs."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import typer
from pydantic import BaseModel

from justin.cli import tables
from justin.cli.tables import Column, Item, cell, printable

_COLOURS: Final = {"-": typer.colors.RED, "+": typer.colors.GREEN, "@": typer.colors.CYAN}
"""Of the lines of a difference, by how they begin."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Where a command's answer goes; messages go to stderr."""

    as_json: bool = False

    def say(self, sentence: str, document: BaseModel | dict[str, Any]) -> None:
        """Show one answer: the sentence, or the document as JSON."""
        if self.as_json:
            _print_json(document)
        else:
            typer.echo(printable(sentence))

    def text(self, text: str, document: BaseModel | dict[str, Any]) -> None:
        """Show a text of many lines as it is, or the document as JSON."""
        if self.as_json:
            _print_json(document)
        else:
            sys.stdout.write(text if text.endswith("\n") else f"{text}\n")

    def piece(self, text: str) -> None:
        """Show a part of a text at once; on a terminal without what could steer it."""
        sys.stdout.write(printable(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()

    def difference(self, text: str) -> None:
        """Show a text as `diff -u` writes it; on a terminal in colours, and without what could steer it."""
        if not sys.stdout.isatty():
            sys.stdout.write(text)
            return
        for line in printable(text).removesuffix("\n").split("\n") if text else ():
            colour = None if os.environ.get("NO_COLOR") else _COLOURS.get(line[:1])
            typer.echo(typer.style(line, fg=colour))

    def table(self, columns: Sequence[Column[Item]], items: Iterable[Item], limit: int | None = None) -> None:
        """Show items, at most `limit`, and say when there are more."""
        shown = list(items if limit is None else islice(items, limit + 1))
        more = limit is not None and len(shown) > limit
        shown = shown[:limit]
        if self.as_json:
            _print_json(shown)
        else:
            tables.show(columns, [[cell(column.text(item)) for column in columns] for item in shown])
        if more:
            self.note(f"These are the first {limit}; there are more: give a larger --limit.")

    def note(self, sentence: str) -> None:
        """Say something beside the answer."""
        typer.echo(printable(sentence), err=True)


def _print_json(document: BaseModel | dict[str, Any] | Sequence[BaseModel]) -> None:
    typer.echo(json.dumps(_plain(document), indent=2))


def _plain(document: BaseModel | dict[str, Any] | Sequence[BaseModel]) -> Any:
    if isinstance(document, BaseModel):
        return document.model_dump(mode="json")
    return document if isinstance(document, dict) else [each.model_dump(mode="json") for each in document]

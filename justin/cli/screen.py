"""What commands show: tables for people, lines for pipes, one JSON document for programs."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

import typer
from pydantic import BaseModel
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from justin.cli.quantities import NOTHING

Item = TypeVar("Item", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Column(Generic[Item]):
    """A column of a table: its title and how to write an item in it."""

    title: str
    text: Callable[[Item], str]
    right: bool = False
    """Whether it is aligned to the right, as numbers are."""


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

    def table(self, columns: Sequence[Column[Item]], items: Iterable[Item], limit: int | None = None) -> None:
        """Show items, at most `limit`, and say when there are more."""
        shown = list(items if limit is None else islice(items, limit + 1))
        more = limit is not None and len(shown) > limit
        shown = shown[:limit]
        if self.as_json:
            _print_json(shown)
        else:
            print_rows([column.title for column in columns], [[c.text(i) for c in columns] for i in shown], columns)
        if more:
            self.note(f"These are the first {limit}; there are more: give a larger --limit.")

    def note(self, sentence: str) -> None:
        """Say something beside the answer."""
        typer.echo(printable(sentence), err=True)


def print_rows(titles: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[Column[Any]]) -> None:
    """Print a table; without a terminal it has no colours and no line is wrapped."""
    rows = [[printable(" ".join(cell.split())) or NOTHING for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_on_terminal(titles, rows, columns)
        return
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in [titles, *rows]:
        cells = [
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        ]
        typer.echo("  ".join(cells).rstrip())


def _print_on_terminal(titles: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[Column[Any]]) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title, column in zip(titles, columns, strict=True):
        table.add_column(title, justify="right" if column.right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def printable(text: str) -> str:
    """Replace what could steer a terminal: names and messages come from other people."""
    return "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text)


def _print_json(document: BaseModel | dict[str, Any] | Sequence[BaseModel]) -> None:
    typer.echo(json.dumps(_plain(document), indent=2))


def _plain(document: BaseModel | dict[str, Any] | Sequence[BaseModel]) -> Any:
    if isinstance(document, BaseModel):
        return document.model_dump(mode="json")
    return document if isinstance(document, dict) else [each.model_dump(mode="json") for each in document]

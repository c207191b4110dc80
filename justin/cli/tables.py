"""Tables: with rules on a terminal, cut to its width; in plain columns where there is none."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import typer
from pydantic import BaseModel
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from justin.cli.quantities import NOTHING

GAP = 2

Item = TypeVar("Item", bound=BaseModel)
Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Column(Generic[Item]):
    """A column of a table: its title and how to write an item in it."""

    title: str
    text: Callable[[Item], str]
    right: bool = False
    """Whether it is aligned to the right, as numbers are."""
    detail: bool = False
    """Whether it is left out first when a terminal is too narrow."""


def show(columns: Sequence[Column[Any]], rows: Sequence[Row]) -> None:
    """Print a table; without a terminal it has every column, no colours and no wrapped line."""
    if sys.stdout.isatty():
        _show_on_terminal(columns, rows)
        return
    widths = _widths(columns, rows)
    for row in [[column.title for column in columns], *rows]:
        aligned = zip(columns, row, widths, strict=True)
        typer.echo((" " * GAP).join(_aligned(*each) for each in aligned).rstrip())


def _aligned(column: Column[Any], text: str, width: int) -> str:
    return text.rjust(width) if column.right else text.ljust(width)


def _widths(columns: Sequence[Column[Any]], rows: Sequence[Row]) -> list[int]:
    return [max(map(len, cells)) for cells in zip([column.title for column in columns], *rows, strict=True)]


def _show_on_terminal(columns: Sequence[Column[Any]], rows: Sequence[Row]) -> None:
    console = Console()
    filled = [place for place in range(len(columns)) if not rows or any(row[place] != NOTHING for row in rows)]
    kept = fitting(columns, rows, filled, console.width)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, GAP, 0, 0), show_edge=False)
    for place in kept:
        justify: Literal["left", "right"] = "right" if columns[place].right else "left"
        table.add_column(columns[place].title, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(Text(row[place]) for place in kept))
    console.print(table)
    left_out = [columns[place].title for place in filled if place not in kept]
    if left_out:
        typer.echo(f"Not shown for want of room: {', '.join(left_out)}.", err=True)


def fitting(columns: Sequence[Column[Any]], rows: Sequence[Row], filled: Sequence[int], width: int) -> list[int]:
    """Choose the columns that fit into the width: details go first, from the right."""
    needed = [each + GAP for each in _widths(columns, rows)]
    kept = list(filled)
    for place in reversed(filled):
        if columns[place].detail and sum(needed[each] for each in kept) > width:
            kept.remove(place)
    return kept


def cell(text: str) -> str:
    """Put a text on one line of a table; an empty one gets a sign, so that columns stay columns for awk."""
    return printable(" ".join(text.split())) or NOTHING


def printable(text: str) -> str:
    """Replace what could steer a terminal: names and messages come from other people."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text)

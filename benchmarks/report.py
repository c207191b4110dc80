"""What a benchmark found: figures, each beside its limit or its peer, as a table or as one flat object of JSON."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One number; its name says its unit."""

    name: str
    value: float
    beside: str = ""
    """Its limit or its peer, in words."""


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one run."""

    title: str
    figures: Sequence[Figure]
    remarks: Sequence[str] = ()
    """What to know when reading them: the size of the problem, what the peer is."""

    def as_json(self) -> str:
        """Return one flat object of names and numbers."""
        return json.dumps({figure.name: figure.value for figure in self.figures}, indent=2)

    def print_table(self) -> None:
        """Print the figures and what stands beside them."""
        table = Table(title=self.title, title_justify="left")
        table.add_column("figure")
        table.add_column("value", justify="right")
        table.add_column("beside")
        for figure in self.figures:
            table.add_row(figure.name, f"{figure.value:,.4g}", figure.beside)
        console = Console()
        console.print(table)
        for remark in self.remarks:
            console.print(remark, highlight=False, markup=False)


def progress(message: str) -> None:
    """Say what is being done, beside the figures."""
    print(message, file=sys.stderr, flush=True)

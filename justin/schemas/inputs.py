"""The three ways of saying which files a workflow takes: MQL, a Rucio dataset, or a count of Monte Carlo files."""

import re
from dataclasses import dataclass
from enum import StrEnum

MONTE_CARLO_LIMIT = 999_999
"""Monte Carlo DIDs have six digits for the counter."""

_RUCIO_DATASET = re.compile(r"rucio-dataset\s+([A-Za-z0-9_.-]+):([A-Za-z0-9_.+=-]+)")
_MONTE_CARLO = re.compile(r"monte-carlo\s+(\d+)")


class InputKind(StrEnum):
    """Where the list of input files comes from."""

    MQL = "mql"
    RUCIO_DATASET = "rucio-dataset"
    MONTE_CARLO = "monte-carlo"


@dataclass(frozen=True, slots=True)
class InputQuery:
    """What a workflow's input text asks for."""

    kind: InputKind
    text: str
    scope: str = ""
    name: str = ""
    count: int = 0


def parse(text: str) -> InputQuery:
    """Read a workflow's input text.

    Raises ValueError, with a sentence for the user, when a form is begun and not kept to. MQL itself is not
    parsed here: only MetaCat knows its grammar.
    """
    text = text.strip()
    if not text:
        raise ValueError("the query is empty: give MQL, 'rucio-dataset SCOPE:NAME' or 'monte-carlo COUNT'")
    word = text.split(maxsplit=1)[0]
    if word == InputKind.RUCIO_DATASET:
        return _rucio_dataset(text)
    if word == InputKind.MONTE_CARLO:
        return _monte_carlo(text)
    return InputQuery(InputKind.MQL, text)


def _rucio_dataset(text: str) -> InputQuery:
    match = _RUCIO_DATASET.fullmatch(text)
    if not match:
        raise ValueError("write a Rucio dataset as 'rucio-dataset SCOPE:NAME'")
    return InputQuery(InputKind.RUCIO_DATASET, text, scope=match[1], name=match[2])


def _monte_carlo(text: str) -> InputQuery:
    match = _MONTE_CARLO.fullmatch(text)
    if not match or not 1 <= int(match[1]) <= MONTE_CARLO_LIMIT:
        raise ValueError(f"write a Monte Carlo count as 'monte-carlo N' with N from 1 to {MONTE_CARLO_LIMIT}")
    return InputQuery(InputKind.MONTE_CARLO, text, count=int(match[1]))

"""The three ways of saying which files a workflow takes: MQL, a Rucio dataset, or a count of Monte Carlo files."""

import re
from dataclasses import dataclass
from enum import StrEnum

MONTE_CARLO_LIMIT = 999_999
"""Monte Carlo DIDs have six digits for the counter."""

_RUCIO_DATASET = re.compile(r"rucio-dataset\s+([A-Za-z0-9_.-]+):([A-Za-z0-9_.+=-]+)")
_MONTE_CARLO = re.compile(r"monte-carlo\s+(\d{1,6})")
_COUNTERS = re.compile(r"monte-carlo\s+counters\s+(\d{1,6}(?:-\d{1,6})?(?:,\d{1,6}(?:-\d{1,6})?)*)")


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
    counters: tuple[tuple[int, int], ...] = ()
    """Of Monte Carlo: the first and the last of each range, in order, none twice."""


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
    if match := _MONTE_CARLO.fullmatch(text):
        ranges = [(1, int(match[1]))]
    elif match := _COUNTERS.fullmatch(text):
        ranges = sorted(_range(part) for part in match[1].split(","))
    else:
        ranges = []
    ends = [number for each in ranges for number in each]
    if not ranges or not 1 <= min(ends) <= max(ends) <= MONTE_CARLO_LIMIT or not _increasing(ranges):
        raise ValueError(
            f"write a Monte Carlo count as 'monte-carlo N' with N from 1 to {MONTE_CARLO_LIMIT},"
            " or some counters as 'monte-carlo counters 1,4,10-19'"
        )
    count = sum(last - first + 1 for first, last in ranges)
    return InputQuery(InputKind.MONTE_CARLO, text, count=count, counters=tuple(ranges))


def _range(part: str) -> tuple[int, int]:
    first, _, last = part.partition("-")
    return int(first), int(last or first)


def _increasing(ranges: list[tuple[int, int]]) -> bool:
    """Say whether each range holds a number, and none of them is in another."""
    ends = [number for each in ranges for number in each]
    return all(first <= last for first, last in ranges) and all(
        before < after for before, after in zip(ends[1::2], ends[2::2], strict=False)
    )

"""Long lists in the pieces that services and statements take."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of at most `size`, as they come."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk

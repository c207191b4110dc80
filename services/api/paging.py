"""Lists in pages."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from justin.schemas.views import Page, View

Shown = TypeVar("Shown", bound=View)


def page(found: Sequence[Shown], limit: int, key: Callable[[Shown], int]) -> Page[Shown]:
    """Make a page of at most `limit` of what was found: one more was asked for, to see whether that was all."""
    items = list(found[:limit])
    return Page(items=items, next_after=key(items[-1]) if len(found) > limit else None)

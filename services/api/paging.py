"""Lists in pages."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from justin.schemas.views import Page, View

Row = TypeVar("Row")
Shown = TypeVar("Shown", bound=View)


def page(rows: Sequence[Row], limit: int, key: Callable[[Row], int], view: type[Shown]) -> Page[Shown]:
    """Make a page of at most `limit` of the rows, of which one more was asked for to see whether that was all."""
    shown = rows[:limit]
    items = [view.model_validate(row) for row in shown]
    return Page(items=items, next_after=key(shown[-1]) if len(rows) > limit else None)

"""Long lists, a page at a time; the address says which, so that a view can be shared."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import streamlit as st
from pydantic import BaseModel

from streamlit_app.components import tables
from streamlit_app.components.columns import Columns

PAGE_ROWS: Final = 100
BATCH_ROWS: Final = 5_000
REFRESH_SECONDS: Final = 15

Row = TypeVar("Row", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """A list that is too long to be read at once."""

    name: str
    """What its rows are, in the plural."""
    columns: Columns
    read: Callable[[int, int | None], Sequence[Row]]
    """Gives at most so many rows after the one with the key."""
    key: Callable[[Row], int]


def show(listing: Listing[Row]) -> None:
    """Show a page of the list, which reads itself again every now and then, with the way to the next."""
    st.fragment(_page, run_every=REFRESH_SECONDS, key=listing.name)(listing)
    tables.downloads(lambda: _everything(listing), listing.name)


def _page(listing: Listing[Row]) -> None:
    trail = _trail(listing.name)
    rows = listing.read(PAGE_ROWS + 1, trail[-1] if trail else None)
    shown = rows[:PAGE_ROWS]
    if shown:
        tables.grid(shown, listing.name, listing.columns)
    else:
        st.caption(f"No {listing.name}.")
    if trail or len(rows) > PAGE_ROWS:
        following = [*trail, listing.key(shown[-1])] if len(rows) > PAGE_ROWS else None
        _ways(listing.name, trail, following)


def _ways(name: str, trail: list[int], following: list[int] | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("First", key=f"{name}-first", disabled=not trail, on_click=_go, args=(name, []))
        st.button("Previous", key=f"{name}-previous", disabled=not trail, on_click=_go, args=(name, trail[:-1]))
        st.button("Next", key=f"{name}-next", disabled=following is None, on_click=_go, args=(name, following))
        st.caption(f"Page {len(trail) + 1}, {PAGE_ROWS} {name} a page")


def _go(name: str, trail: list[int]) -> None:
    st.query_params[_parameter(name)] = [str(key) for key in trail]


def _trail(name: str) -> list[int]:
    """Return the last keys of the pages before this one."""
    given = st.query_params.get_all(_parameter(name))
    return [int(key) for key in given] if all(key.isdecimal() for key in given) else []


def _parameter(name: str) -> str:
    return f"{name}_after"


def _everything(listing: Listing[Row]) -> Iterator[Row]:
    after: int | None = None
    while rows := listing.read(BATCH_ROWS, after):
        yield from rows
        after = listing.key(rows[-1])

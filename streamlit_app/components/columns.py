"""Columns of tables: what stands above them, and how their values are written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import streamlit as st

SAFE: Final = ":@/,"
"""Characters that an address may hold as they are, so that they are read in it."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: how it is set up, and what is put into it for a value."""

    configuration: Any
    value: Callable[[Any], object] = lambda value: value


Columns = Mapping[str, Column]
"""The fields of rows that are shown, in their order."""


def text(title: str, about: str = "") -> Column:
    """Show words."""
    return Column(
        st.column_config.TextColumn(title, help=about or None), lambda value: None if value is None else str(value)
    )


def number(title: str, about: str = "") -> Column:
    """Show a count."""
    return Column(st.column_config.NumberColumn(title, help=about or None, format="localized"))


def share(title: str, about: str = "") -> Column:
    """Show a part of one, in per cent."""
    return Column(
        st.column_config.ProgressColumn(title, help=about or None, format="percent", min_value=0, max_value=1)
    )


def size(title: str, about: str = "") -> Column:
    """Show a number of bytes, with its unit."""
    return Column(st.column_config.NumberColumn(title, help=about or None, format="bytes"))


def yes_or_no(title: str, about: str = "") -> Column:
    """Show whether something is so."""
    return Column(st.column_config.CheckboxColumn(title, help=about or None))


def seconds(title: str, about: str = "") -> Column:
    """Show how long something took, as hours, minutes and seconds."""
    return Column(st.column_config.TextColumn(title, help=about or None, alignment="right"), lasting)


def time(title: str, about: str = "") -> Column:
    """Show a time in UTC."""
    configuration = st.column_config.TextColumn(f"{title} (UTC)", help=about or None)
    return Column(configuration, moment)


def link(title: str, page: str, parameter: str) -> Column:
    """Show the name of a thing that has a page of its own, which takes the name as a parameter."""
    configuration = st.column_config.LinkColumn(title, display_text=rf"[?&]{parameter}=([^&]*)")
    return Column(configuration, lambda value: None if value is None else address(page, **{parameter: value}))


def address(page: str, **parameters: object) -> str:
    """Return the address of a page of the dashboard, beside the one that is shown."""
    asked = "&".join(f"{name}={quote(str(value), safe=SAFE)}" for name, value in parameters.items())
    return f"/{page}?{asked}"


def moment(value: datetime | None) -> str | None:
    """Write a time down to its second."""
    return None if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


def lasting(value: float | None) -> str | None:
    """Write a number of seconds, the way that clocks do."""
    if value is None:
        return None
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"

"""Tables, and what of them can be taken along."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import streamlit as st
from pydantic import BaseModel

from streamlit_app.components.columns import Columns

Rows = Iterable[BaseModel]

ROW_PIXELS: Final = 35
HIGHEST_PIXELS: Final = 740


def show(rows: Sequence[BaseModel], name: str, columns: Columns) -> None:
    """Show rows, all of one shape, in some of their fields; all fields can be downloaded."""
    if not rows:
        st.caption(f"No {name}.")
        return
    grid(rows, name, columns)
    downloads(lambda: rows, name)


def grid(rows: Sequence[BaseModel], name: str, columns: Columns) -> None:
    """Show rows without their downloads."""
    shown = [{field: column.value(getattr(row, field)) for field, column in columns.items()} for row in rows]
    settings = {field: column.configuration for field, column in columns.items()}
    st.dataframe(
        shown,
        hide_index=True,
        column_config=settings,
        height=min(ROW_PIXELS * (len(rows) + 1) + 3, HIGHEST_PIXELS),
        placeholder="",
        key=f"{name}-table",
        alt=f"Table of {name}",
    )


def downloads(everything: Callable[[], Rows], name: str) -> None:
    """Offer rows in two forms; they are read when somebody takes them."""
    with st.container(horizontal=True):
        st.download_button(
            "CSV", lambda: as_csv(everything()), f"{name}.csv", "text/csv", key=f"{name}-csv", on_click="ignore"
        )
        st.download_button(
            "JSON", lambda: as_json(everything()), f"{name}.json", "application/json", key=f"{name}-json",
            on_click="ignore",
        )  # fmt: skip


def as_csv(rows: Rows) -> str:
    """Write rows as CSV, with the names of their fields above them; nothing for none."""
    text = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(text, list(type(row).model_fields))
            writer.writeheader()
        writer.writerow({field: _cell(value) for field, value in row.model_dump(mode="json").items()})
    return text.getvalue()


def _cell(value: Any) -> Any:
    """Write what is more than a word as JSON: Python's own way to write it is nobody else's."""
    return json.dumps(value) if isinstance(value, dict | list) else value


def as_json(rows: Rows) -> str:
    """Write rows as a JSON array."""
    return json.dumps([row.model_dump(mode="json") for row in rows], indent=1)

"""Lists with their downloads."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import streamlit as st
from pydantic import BaseModel

Rows = list[dict[str, Any]]


def show(rows: Sequence[BaseModel], name: str, columns: Sequence[str], links: dict[str, str] | None = None) -> None:
    """Show rows, all of one shape, in some of their columns; every column can be downloaded.

    `links` are columns that hold addresses, with the regular expression that finds the text to show in them.
    """
    if not rows:
        st.caption(f"No {name}.")
        return
    everything = [row.model_dump() for row in rows]
    shown = [{column: row[column] for column in columns} for row in everything]
    configuration = {column: st.column_config.LinkColumn(display_text=text) for column, text in (links or {}).items()}
    st.dataframe(shown, hide_index=True, column_config=configuration)
    _downloads(everything, name)


def _downloads(rows: Rows, name: str) -> None:
    left, right, _ = st.columns([1, 1, 6])
    left.download_button("CSV", _as_csv(rows), f"{name}.csv", "text/csv", key=f"{name}-csv")
    as_json = json.dumps(rows, indent=1, default=str)
    right.download_button("JSON", as_json, f"{name}.json", "application/json", key=f"{name}-json")


def _as_csv(rows: Rows) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()

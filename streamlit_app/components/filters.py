"""Filters that live in the page's address, so that a view can be shared."""

from collections.abc import Iterable

import streamlit as st

ANY = "any"


def choice(label: str, name: str, options: Iterable[str]) -> str | None:
    """Let one of the options be chosen, and keep it in the address; None for any."""
    known = [ANY, *options]
    given = st.query_params.get(name, ANY)
    chosen = st.selectbox(label, known, index=known.index(given) if given in known else 0)
    return _keep(name, chosen)


def text(label: str, name: str) -> str | None:
    """Let a text be given, and keep it in the address; None for none."""
    return _keep(name, st.text_input(label, st.query_params.get(name, "")).strip() or ANY)


def number(name: str) -> int | None:
    """Read a number from the address."""
    given = st.query_params.get(name, "")
    return int(given) if given.isdecimal() else None


def _keep(name: str, chosen: str | None) -> str | None:
    if chosen is None or chosen == ANY:
        st.query_params.pop(name, None)
        return None
    st.query_params[name] = chosen
    return chosen

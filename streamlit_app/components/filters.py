"""Filters that live in the page's address, so that a view can be shared."""

from collections.abc import Iterable, Sequence

import streamlit as st

ANY = "any"
LARGEST = 2**31 - 1


def choice(label: str, name: str, options: Iterable[str]) -> str | None:
    """Let one of the options be chosen, and keep it in the address; None for any."""
    known = [ANY, *options]
    given = st.query_params.get(name, ANY)
    chosen = st.selectbox(label, known, index=known.index(given) if given in known else 0)
    return _keep(name, chosen)


def text(label: str, name: str) -> str | None:
    """Let a text be given, and keep it in the address; None for none."""
    return _keep(name, st.text_input(label, st.query_params.get(name, "")).strip() or ANY)


def count(label: str, name: str) -> int | None:
    """Let a number be given, and keep it in the address; None for none."""
    given = st.number_input(label, min_value=1, max_value=LARGEST, step=1, value=number(name))
    kept = _keep(name, ANY if given is None else str(given))
    return int(kept) if kept else None


def part(name: str, options: Sequence[str]) -> str:
    """Let one of the parts of a page be chosen, the first unless another is, and keep it in the address."""
    given = st.query_params.get(name, options[0])
    chosen = st.segmented_control(
        "Part", options, default=given if given in options else options[0], required=True, label_visibility="collapsed"
    )
    return _keep(name, chosen) or options[0]


def number(name: str) -> int | None:
    """Read a number from the address; None where there is none that could be a key."""
    given = st.query_params.get(name, "")
    return int(given) if given.isdecimal() and 0 < int(given) <= LARGEST else None


def _keep(name: str, chosen: str | None) -> str | None:
    if chosen is None or chosen == ANY:
        st.query_params.pop(name, None)
        return None
    if st.query_params.get(name) != chosen:
        st.query_params[name] = chosen
    return chosen

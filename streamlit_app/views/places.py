"""Sites, entries and storages, and how far they are from one another."""

from collections.abc import Sequence

import streamlit as st

from justin.schemas.views import DistanceView
from streamlit_app import cached
from streamlit_app.components import filters, shown, tables


def sites() -> None:
    """Show all sites."""
    st.title("Sites")
    tables.show(cached.list_sites(), "sites", shown.SITES)


def entries() -> None:
    """Show the entries of all sites, or of one."""
    st.title("Entries")
    site = filters.choice("Site", "site", [row.name for row in cached.list_sites()])
    tables.show(cached.list_entries(site), "entries", shown.ENTRIES)


def storages() -> None:
    """Show all storages."""
    st.title("Storages")
    tables.show(cached.list_storages(), "storages", shown.STORAGES)


def distances() -> None:
    """Show how far storages are from sites, as a table of both."""
    st.title("Distances")
    one, two = st.columns(2)
    with one:
        site = filters.choice("Site", "site", [row.name for row in cached.list_sites()])
    with two:
        storage = filters.choice("Storage", "storage", [row.name for row in cached.list_storages()])
    found = cached.list_distances(site, storage)
    if not found:
        st.caption("No distances.")
        return
    st.caption("0 is beside the site, 100 the far end, 101 never; a * marks what a person has set.")
    st.dataframe(_matrix(found), hide_index=True, alt="Distances of storages from sites")
    tables.downloads(lambda: found, "distances")


def _matrix(found: Sequence[DistanceView]) -> list[dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    for each in found:
        row = rows.setdefault(each.site, {"Site": each.site})
        row[each.storage] = f"{each.distance}{'*' if each.by_hand else ''}"
    return list(rows.values())

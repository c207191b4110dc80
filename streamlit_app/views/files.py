"""The files of a workflow, and one of them."""

import streamlit as st

from justin.states import FileState
from models.queries.events import EventFilter
from models.queries.files import FileFilter
from streamlit_app import cached
from streamlit_app.components import filters, listing, shown, tables
from streamlit_app.components.listing import Listing
from streamlit_app.components.words import plain
from streamlit_app.views import events


def page() -> None:
    """Show the files of the workflow that the address names, or one of them."""
    st.title("Files")
    one, two = st.columns([1, 3])
    with one:
        workflow_id = filters.count("Workflow", "workflow")
    if workflow_id is None:
        st.info("Name a workflow.")
        return
    with two:
        did = filters.text("File", "did")
    if did:
        _one(workflow_id, did)
    else:
        table(workflow_id)


def table(workflow_id: int) -> None:
    """Show the files of a workflow that fit the filters."""
    one, two = st.columns(2)
    with one:
        stage_id = filters.count("Stage", "stage")
    with two:
        state = filters.choice("Files in state", "file_state", FileState)
    wanted = FileFilter(workflow_id, stage_id, FileState(state) if state else None)
    listing.show(
        Listing(
            "files",
            shown.FILES,
            lambda limit, after: cached.list_files(wanted, limit, after or 0),
            lambda row: row.file_id,
        )
    )


def _one(workflow_id: int, did: str) -> None:
    found = cached.list_files(FileFilter(workflow_id, did=did), 10)
    if not found:
        st.error(f"The workflow {workflow_id} has no file {plain(did)}.")
        return
    tables.show(found, "files", shown.FILES)
    st.subheader("Copies")
    tables.show(cached.list_replicas([row.file_id for row in found]), "copies", shown.REPLICAS)
    st.subheader("What happened to it")
    events.table(EventFilter(workflow_id=workflow_id, did=did))

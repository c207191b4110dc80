"""What happened."""

import streamlit as st

from justin.states import EventType
from models.queries.events import EventFilter
from streamlit_app import cached
from streamlit_app.components import filters, listing, shown
from streamlit_app.components.listing import Listing


def page() -> None:
    """Show the events that fit the filters, the newest first."""
    st.title("Events")
    one, two, three, four = st.columns(4)
    with one:
        workflow_id = filters.count("Workflow", "workflow")
    with two:
        job = filters.text("Job", "job")
    with three:
        did = filters.text("File (with its workflow)", "did")
    with four:
        event_type = filters.choice("Type", "type", EventType)
    if did and not workflow_id:
        st.warning("Name the workflow of the file too.")
        return
    kind = EventType(event_type) if event_type else None
    table(EventFilter(workflow_id=workflow_id, job=job, did=did, event_type=kind))


def table(wanted: EventFilter) -> None:
    """Show a list of events."""
    listing.show(
        Listing(
            "events",
            shown.EVENTS,
            lambda limit, after: cached.list_events(wanted, limit, after),
            lambda row: row.event_id,
        )
    )

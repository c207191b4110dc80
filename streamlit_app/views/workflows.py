"""The list of workflows."""

import streamlit as st

from justin.states import WorkflowState
from models.queries.workflows import WorkflowFilter
from streamlit_app import cached
from streamlit_app.components import filters, listing, shown
from streamlit_app.components.listing import Listing


def page() -> None:
    """Show the workflows that fit the filters, the newest first."""
    st.title("Workflows")
    one, two, three, four = st.columns(4)
    with one:
        state = filters.choice("State", "state", WorkflowState)
    with two:
        user = filters.text("User", "user")
    with three:
        scope = filters.text("Scope", "scope")
    with four:
        campaign_id = filters.count("Campaign", "campaign")
    wanted = WorkflowFilter(WorkflowState(state) if state else None, user, scope, campaign_id)
    listing.show(
        Listing(
            "workflows",
            shown.WORKFLOWS,
            lambda limit, after: cached.list_workflows(wanted, limit, after),
            lambda row: row.workflow_id,
        )
    )

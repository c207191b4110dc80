"""The list of campaigns."""

import streamlit as st

from streamlit_app import cached
from streamlit_app.components import listing, shown
from streamlit_app.components.listing import Listing


def page() -> None:
    """Show the campaigns, the newest first, with their workflows by state."""
    st.title("Campaigns")
    listing.show(Listing("campaigns", shown.CAMPAIGNS, cached.list_campaigns, lambda row: row.campaign_id))

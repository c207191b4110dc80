"""The list of jobs."""

import streamlit as st

from justin.states import JobState
from models.queries.jobs import JobFilter
from streamlit_app import cached
from streamlit_app.components import filters, listing, shown
from streamlit_app.components.listing import Listing


def page() -> None:
    """Show the jobs that fit the filters, the newest first."""
    st.title("Jobs")
    one, two, three, four = st.columns(4)
    with one:
        workflow_id = filters.count("Workflow", "workflow")
    with two:
        stage_id = filters.count("Stage", "stage")
    with three:
        state = filters.choice("State", "state", JobState)
    with four:
        site = filters.choice("Site", "site", [row.name for row in cached.list_sites()])
    table(JobFilter(workflow_id, stage_id, JobState(state) if state else None, site))


def table(wanted: JobFilter) -> None:
    """Show a list of jobs."""
    listing.show(
        Listing("jobs", shown.JOBS, lambda limit, after: cached.list_jobs(wanted, limit, after), lambda row: row.job_id)
    )

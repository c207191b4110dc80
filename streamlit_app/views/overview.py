"""What is going on, and what somebody has to look at."""

from typing import Final

import streamlit as st

from justin.states import JobState
from streamlit_app import cached
from streamlit_app.components import charts, shown, tables
from streamlit_app.components.listing import REFRESH_SECONDS

DAY_SECONDS: Final = 86_400.0


@st.fragment(run_every=REFRESH_SECONDS)
def page() -> None:
    """Show the running jobs, how those of the last day ended, and the workflows in trouble."""
    st.title("Overview")
    _running()
    st.subheader("Needs attention")
    tables.show(cached.troubled_workflows(), "workflows in trouble", shown.TROUBLE)
    st.subheader("Jobs that ended in the last 24 hours")
    charts.ended_jobs(cached.ended_jobs(DAY_SECONDS))
    charts.outcomes_at_sites(cached.outcomes_at_sites(DAY_SECONDS))


def _running() -> None:
    counts = cached.states_of_jobs()
    states = (JobState.SUBMITTED, JobState.STARTED, JobState.PROCESSING, JobState.OUTPUTTING)
    for column, state in zip(st.columns(len(states)), states, strict=True):
        column.metric(f"Jobs {state}", f"{counts.get(state, 0):,}")

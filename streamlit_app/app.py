"""The dashboard's entry: `streamlit run streamlit_app/app.py`, in the folder of the checkout."""

import streamlit as st

from streamlit_app.views import campaigns, events, files, job, jobs, overview, places, workflow, workflows

st.set_page_config(page_title="justIN", layout="wide")

st.navigation(
    {
        "Work": [
            st.Page(overview.page, title="Overview", url_path="overview", default=True),
            st.Page(workflows.page, title="Workflows", url_path="workflows"),
            st.Page(workflow.page, title="Workflow", url_path="workflow", visibility="hidden"),
            st.Page(campaigns.page, title="Campaigns", url_path="campaigns"),
            st.Page(jobs.page, title="Jobs", url_path="jobs"),
            st.Page(job.page, title="Job", url_path="job", visibility="hidden"),
            st.Page(files.page, title="Files", url_path="files"),
            st.Page(events.page, title="Events", url_path="events"),
        ],
        "Places": [
            st.Page(places.sites, title="Sites", url_path="sites"),
            st.Page(places.entries, title="Entries", url_path="entries"),
            st.Page(places.storages, title="Storages", url_path="storages"),
            st.Page(places.distances, title="Distances", url_path="distances"),
        ],
    },
    position="top",
).run()
st.caption("Times are UTC.")

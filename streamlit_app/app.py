"""The dashboard's entry: `streamlit run streamlit_app/app.py`, in the folder of the checkout."""

import streamlit as st

from streamlit_app.views import workflow, workflows

st.set_page_config(page_title="justIN", layout="wide")

st.navigation(
    [
        st.Page(workflows.page, title="Workflows", url_path="workflows", default=True),
        st.Page(workflow.page, title="Workflow", url_path="workflow"),
    ]
).run()

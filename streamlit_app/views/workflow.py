"""One workflow: how far it is, its jobs, and what happened."""

import streamlit as st

from justin.schemas.views import WorkflowView
from justin.states import JobState
from models.queries.events import EventFilter
from models.queries.jobs import JobFilter
from streamlit_app import cached
from streamlit_app.components import filters, progress, tables

JOB_COLUMNS = (
    "jobsub_id",
    "state",
    "state_message",
    "stage_id",
    "site",
    "hostname",
    "jobscript_exit",
    "inputs",
    "outputs",
    "started_at",
    "finished_at",
)
EVENT_COLUMNS = ("event_id", "event_type", "time", "actor", "stage_id", "did", "jobsub_id", "site", "rse")


def page() -> None:
    """Show the workflow that the address names."""
    workflow_id = filters.number("workflow")
    if workflow_id is None:
        st.info("Choose a workflow in the list of workflows.")
        return
    workflow, stages = cached.one_workflow(workflow_id)
    if workflow is None:
        st.error(f"There is no workflow {workflow_id}.")
        return
    _head(workflow)
    progress.show(stages)
    _jobs(workflow_id)
    with st.expander("Events"):
        tables.show(cached.list_events(EventFilter(workflow_id=workflow_id)), "events", EVENT_COLUMNS)


def _head(workflow: WorkflowView) -> None:
    st.title(f"Workflow {workflow.workflow_id} {workflow.name}")
    st.markdown(f"**{workflow.state}** {workflow.state_message}")
    for warning in workflow.warnings:
        st.warning(warning)
    st.text(workflow.description)
    st.code(workflow.mql, language=None)
    st.caption(f"{workflow.user}, scope {workflow.scope}, made {workflow.created_at:%Y-%m-%d %H:%M:%S} UTC")


def _jobs(workflow_id: int) -> None:
    state = filters.choice("Jobs in state", "job_state", JobState)
    wanted = JobFilter(workflow_id=workflow_id, state=JobState(state) if state else None)
    tables.show(cached.list_jobs(wanted), "jobs", JOB_COLUMNS)

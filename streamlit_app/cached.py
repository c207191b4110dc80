"""What the pages read, kept for a few seconds so that many viewers cost the database what one costs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from justin.schemas.views import EventView, JobView, WorkflowView
from models import database
from models.database import Database, Session
from models.queries import events, jobs, stages, workflows
from models.queries.events import EventFilter
from models.queries.jobs import JobFilter
from models.queries.stages import StageRow
from models.queries.workflows import WorkflowFilter

URL_VARIABLE = "JUSTIN_DATABASE__URL"
FRESH_SECONDS = 5
ROWS = 200


@st.cache_resource
def connected() -> Database:
    """Return the connections, which all viewers share."""
    opened = database.connect(
        os.environ[URL_VARIABLE], application_name="justin-dashboard", statement_timeout_seconds=10.0
    )
    database.check_schema(opened)
    return opened


@st.cache_data(ttl=FRESH_SECONDS, show_spinner=False)
def list_workflows(wanted: WorkflowFilter) -> list[WorkflowView]:
    """List the newest workflows."""
    with _reading() as session:
        return workflows.list_workflows(session, wanted, ROWS)


@st.cache_data(ttl=FRESH_SECONDS, show_spinner=False)
def one_workflow(workflow_id: int) -> tuple[WorkflowView | None, list[StageRow]]:
    """Return a workflow with its stages."""
    with _reading() as session:
        return workflows.one_workflow(session, workflow_id), stages.list_stages(session, workflow_id)


@st.cache_data(ttl=FRESH_SECONDS, show_spinner=False)
def list_jobs(wanted: JobFilter) -> list[JobView]:
    """List the newest jobs."""
    with _reading() as session:
        return jobs.list_jobs(session, wanted, ROWS)


@st.cache_data(ttl=FRESH_SECONDS, show_spinner=False)
def list_events(wanted: EventFilter) -> list[EventView]:
    """List the newest events."""
    with _reading() as session:
        return events.list_events(session, wanted, ROWS)


@contextmanager
def _reading() -> Iterator[Session]:
    with database.session(connected()) as session:
        session.connection().exec_driver_sql("SET TRANSACTION READ ONLY")
        yield session

"""What the pages read, kept for a few seconds so that many viewers cost the database what one costs."""

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, TypeVar

import streamlit as st

from models import database
from models.database import Database, Session
from models.queries import campaigns, events, files, jobs, outlook, places, stages, workflows

URL_VARIABLE = "JUSTIN_DATABASE__URL"
FRESH_SECONDS = 5
MOST_KEPT = 1_000

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


@st.cache_resource
def connected() -> Database:
    """Return the connections, which all viewers share."""
    opened = database.connect(
        os.environ[URL_VARIABLE], application_name="justin-dashboard", statement_timeout_seconds=10.0
    )
    database.check_schema(opened)
    return opened


def kept(query: Callable[Concatenate[Session, Asked], Answer]) -> Callable[Asked, Answer]:
    """Make of a query one that sees to its own connection, and remembers its answers for a few seconds."""

    @st.cache_data(ttl=FRESH_SECONDS, max_entries=MOST_KEPT, show_spinner=False)
    @functools.wraps(query)
    def read(*arguments: Asked.args, **options: Asked.kwargs) -> Answer:
        with _reading() as session:
            return query(session, *arguments, **options)

    return read


@contextmanager
def _reading() -> Iterator[Session]:
    with database.session(connected()) as session:
        session.connection().exec_driver_sql("SET TRANSACTION READ ONLY")
        yield session


list_workflows = kept(workflows.list_workflows)
one_workflow = kept(workflows.one_workflow)
list_stages = kept(stages.list_stages)
jobscript = kept(stages.jobscript)
list_campaigns = kept(campaigns.list_campaigns)
one_campaign = kept(campaigns.one_campaign)
list_jobs = kept(jobs.list_jobs)
one_job = kept(jobs.one_job)
job_logs = kept(jobs.job_logs)
list_files = kept(files.list_files)
list_replicas = kept(files.list_replicas)
list_datasets = kept(files.list_datasets)
list_events = kept(events.list_events)
list_sites = kept(places.list_sites)
list_entries = kept(places.list_entries)
list_storages = kept(places.list_storages)
list_distances = kept(places.list_distances)
states_of_jobs = kept(outlook.states_of_jobs)
ended_jobs = kept(outlook.ended_jobs)
troubled_workflows = kept(outlook.troubled_workflows)
failures = kept(outlook.failures)
outcomes_at_sites = kept(outlook.outcomes_at_sites)

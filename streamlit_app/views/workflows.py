"""The list of workflows."""

from datetime import datetime

import streamlit as st
from pydantic import BaseModel

from justin.schemas.views import WorkflowView
from justin.states import WorkflowState
from models.queries.workflows import WorkflowFilter
from streamlit_app import cached
from streamlit_app.components import filters, tables

COLUMNS = ("workflow", "name", "user", "state", "message", "scope", "query", "created", "finished")


class Line(BaseModel):
    """A workflow in the list."""

    workflow: str
    name: str
    user: str
    state: str
    message: str
    scope: str
    query: str
    created: datetime
    finished: datetime | None


def page() -> None:
    """Show the newest workflows that fit the filters."""
    st.title("Workflows")
    left, middle, right = st.columns(3)
    with left:
        state = filters.choice("State", "state", WorkflowState)
    with middle:
        user = filters.text("User", "user")
    with right:
        scope = filters.text("Scope", "scope")
    wanted = WorkflowFilter(state=WorkflowState(state) if state else None, user=user, scope=scope)
    found = [_line(row) for row in cached.list_workflows(wanted)]
    tables.show(found, "workflows", COLUMNS, links={"workflow": r"workflow=(\d+)"})
    st.caption("Times are UTC.")


def _line(row: WorkflowView) -> Line:
    return Line(
        workflow=f"/workflow?workflow={row.workflow_id}",
        name=row.name,
        user=row.user,
        state=row.state,
        message=" ".join([row.state_message, *row.warnings]).strip(),
        scope=row.scope,
        query=row.mql,
        created=row.created_at,
        finished=row.finished_at,
    )

"""Workflows as their owners see them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select
from sqlmodel import col, select

from justin.states import WorkflowState
from models.database import Session
from models.people import User
from models.workflows import Workflow


@dataclass(frozen=True, slots=True)
class WorkflowRow:
    """A workflow without its stages."""

    workflow_id: int
    name: str
    description: str
    user: str
    campaign_id: int | None
    scope: str
    mql: str
    state: WorkflowState
    state_message: str
    priority: int
    created_at: datetime
    submitted_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    refind_until: datetime | None


@dataclass(frozen=True, slots=True)
class WorkflowFilter:
    """Which workflows; what is None does not matter."""

    state: WorkflowState | None = None
    user: str | None = None
    scope: str | None = None
    campaign_id: int | None = None


def one_workflow(session: Session, workflow_id: int) -> WorkflowRow | None:
    """Return a workflow; None for an unknown one."""
    row = session.execute(_workflows().where(col(Workflow.workflow_id) == workflow_id)).one_or_none()
    return _row(row) if row else None


def list_workflows(session: Session, wanted: WorkflowFilter, limit: int, after: int | None = None) -> list[WorkflowRow]:
    """List workflows, newest first; `after` is the key of the last one seen."""
    conditions = {
        col(Workflow.state): wanted.state,
        col(User.name): wanted.user,
        col(Workflow.scope): wanted.scope,
        col(Workflow.campaign_id): wanted.campaign_id,
    }
    statement = _workflows().where(*(column == value for column, value in conditions.items() if value is not None))
    if after is not None:
        statement = statement.where(col(Workflow.workflow_id) < after)
    found = session.execute(statement.order_by(col(Workflow.workflow_id).desc()).limit(limit)).all()
    return [_row(row) for row in found]


def _workflows() -> Select[Any]:
    return select(Workflow, User.name).join(User, col(User.user_id) == col(Workflow.user_id))


def _row(row: Row[Any]) -> WorkflowRow:
    workflow, user = row
    values = {name: getattr(workflow, name) for name in WorkflowRow.__slots__ if name != "user"}
    return WorkflowRow(**values, user=user)

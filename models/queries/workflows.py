"""Workflows as their owners see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select
from sqlmodel import col, select

from justin.schemas.views import WorkflowView
from justin.states import Integrity, WorkflowState
from models import code
from models.archives import ArchivedWorkflow
from models.database import Session
from models.integrity import IntegrityCheck
from models.people import User
from models.workflows import Workflow

_OF_OTHERS = frozenset({"user", "stages", "warnings", "integrity", "integrity_at", "archived_at"})
"""Fields that are no columns of the workflow."""


@dataclass(frozen=True, slots=True)
class WorkflowFilter:
    """Which workflows; what is None does not matter."""

    state: WorkflowState | None = None
    user: str | None = None
    scope: str | None = None
    campaign_id: int | None = None


def one_workflow(session: Session, workflow_id: int) -> WorkflowView | None:
    """Return a workflow without its stages; None for an unknown one."""
    row = session.execute(_workflows().where(col(Workflow.workflow_id) == workflow_id)).one_or_none()
    return _shown(session, [row])[0] if row else None


def list_workflows(
    session: Session, wanted: WorkflowFilter, limit: int, after: int | None = None
) -> list[WorkflowView]:
    """List workflows that are not archived, without their stages, newest first.

    `after` is the key of the last one seen.
    """
    conditions = {
        col(Workflow.state): wanted.state,
        col(User.name): wanted.user,
        col(Workflow.scope): wanted.scope,
        col(Workflow.campaign_id): wanted.campaign_id,
    }
    statement = _workflows().where(*(column == value for column, value in conditions.items() if value is not None))
    # They leave these tables in many small steps, the workflow itself last.
    leaving = select(ArchivedWorkflow.workflow_id).where(col(ArchivedWorkflow.emptied_at).is_(None))
    statement = statement.where(col(Workflow.workflow_id).not_in(leaving))
    if after is not None:
        statement = statement.where(col(Workflow.workflow_id) < after)
    found = session.execute(statement.order_by(col(Workflow.workflow_id).desc()).limit(limit)).all()
    return _shown(session, found)


def _workflows() -> Select[Any]:
    return (
        select(Workflow, User.name, IntegrityCheck.badge, IntegrityCheck.checked_at)
        .join(User, col(User.user_id) == col(Workflow.user_id))
        .outerjoin(IntegrityCheck, col(IntegrityCheck.workflow_id) == col(Workflow.workflow_id))
    )


def _shown(session: Session, rows: Sequence[Row[Any]]) -> list[WorkflowView]:
    warnings = code.warnings(session, [row[0].workflow_id for row in rows])
    return [_row(row, warnings) for row in rows]


def _row(row: Row[Any], warnings: Mapping[int, list[str]]) -> WorkflowView:
    workflow, user, badge, checked_at = row
    values = {name: getattr(workflow, name) for name in WorkflowView.model_fields if name not in _OF_OTHERS}
    told = warnings.get(workflow.workflow_id, [])
    return WorkflowView(
        **values, user=user, integrity=badge or Integrity.UNKNOWN, integrity_at=checked_at, warnings=told
    )

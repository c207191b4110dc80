"""Archived workflows as lists show them, and where the rest about each lies."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select
from sqlmodel import col, select

from justin.schemas.views import WorkflowView
from justin.states import Integrity
from models.archives import ArchivedWorkflow
from models.database import Session
from models.people import User
from models.queries.workflows import WorkflowFilter

_NOT_COLUMNS = {"user", "stages", "warnings", "integrity", "integrity_at"}


@dataclass(frozen=True, slots=True)
class Located:
    """An archived workflow, and the object that holds it."""

    view: WorkflowView
    location: str
    sections: dict[str, int]
    """Where in the object each kind of line begins, in bytes."""
    last_event_id: int


def one_archived(session: Session, workflow_id: int) -> Located | None:
    """Return an archived workflow; None for one that is not."""
    row = session.execute(_archived().where(col(ArchivedWorkflow.workflow_id) == workflow_id)).one_or_none()
    if row is None:
        return None
    counts = row[0].counts
    return Located(_view(row), row[0].location, counts["sections"], counts["last_event_id"])


def list_archived(session: Session, wanted: WorkflowFilter, limit: int, after: int | None = None) -> list[WorkflowView]:
    """List archived workflows, newest first; `after` is the key of the last one seen."""
    conditions = {
        col(ArchivedWorkflow.state): wanted.state,
        col(User.name): wanted.user,
        col(ArchivedWorkflow.scope): wanted.scope,
        col(ArchivedWorkflow.campaign_id): wanted.campaign_id,
    }
    statement = _archived().where(*(column == value for column, value in conditions.items() if value is not None))
    if after is not None:
        statement = statement.where(col(ArchivedWorkflow.workflow_id) < after)
    found = session.execute(statement.order_by(col(ArchivedWorkflow.workflow_id).desc()).limit(limit)).all()
    return [_view(row) for row in found]


def _archived() -> Select[Any]:
    return select(ArchivedWorkflow, User.name).join(User, col(User.user_id) == col(ArchivedWorkflow.user_id))


def _view(row: Row[Any]) -> WorkflowView:
    archived, user = row
    values = {name: getattr(archived, name) for name in WorkflowView.model_fields if name not in _NOT_COLUMNS}
    # What was archived earlier does not say it.
    checked = archived.counts.get("integrity", {})
    badge = Integrity(checked.get("badge", Integrity.UNKNOWN))
    return WorkflowView(**values, user=user, integrity=badge, integrity_at=checked.get("checked_at"))

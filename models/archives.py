"""Workflows that have left the hot tables: one row each, and an object in storage that holds all the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field, SQLModel

from justin.states import WorkflowState
from models.columns import document, moment, now, words
from models.database import Session
from models.statements import jsonb, load


class ArchivedWorkflow(SQLModel, table=True):
    """A workflow as lists show it, and where everything else about it lies.

    While `emptied_at` is null, its rows may be in the hot tables still.
    """

    __tablename__ = "archived_workflows"
    __table_args__ = (
        Index("archived_workflows_unemptied", "workflow_id", postgresql_where=text("emptied_at IS NULL")),
    )

    workflow_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    name: str
    description: str
    user_id: int = Field(foreign_key="users.user_id")
    campaign_id: int | None = Field(default=None, foreign_key="campaigns.campaign_id", index=True)
    scope: str
    mql: str
    state: WorkflowState = Field(sa_type=words(WorkflowState))
    state_message: str
    priority: int
    created_at: datetime = moment()
    submitted_at: datetime | None = moment(default=None)
    started_at: datetime | None = moment(default=None)
    finished_at: datetime | None = moment(default=None)
    refind_until: datetime | None = moment(default=None)
    counts: dict[str, Any] = document(default={})
    """Of its files and jobs by state; and where what is in the object, and the badge of its last check."""
    location: str
    """The object's address."""
    sha256: str
    size_bytes: int = Field(sa_type=BigInteger)
    archived_at: datetime = now()
    emptied_at: datetime | None = moment(default=None)
    """When the last of its rows had left the hot tables."""


_DUE = load("archive_due")
_PUT = load("put_archived")
_TO_EMPTY = load("archives_to_empty")
_STAGES = load("archive_stages")


@dataclass(frozen=True, slots=True)
class Stored:
    """The object that holds a workflow."""

    location: str
    sha256: str
    size_bytes: int
    counts: Mapping[str, Any]
    last_event_id: int
    """What happens to the workflow after that is not in the object."""


def due(session: Session, seconds: float, limit: int) -> list[int]:
    """List workflows that ended so long ago and of which nothing is left to be done, those longest ended first."""
    return _DUE.ids(session, seconds=float(seconds), limit=limit)


def put(session: Session, workflow_id: int, stored: Stored, actor: str) -> bool:
    """Say that a workflow is archived; False when another was first, or something has happened to it meanwhile."""
    counts = {**stored.counts, "last_event_id": stored.last_event_id}
    values = {name: getattr(stored, name) for name in ("location", "sha256", "size_bytes", "last_event_id")}
    return bool(_PUT.run(session, workflow_id=workflow_id, actor=actor, counts=jsonb(counts), **values))


def to_empty(session: Session) -> list[int]:
    """List archived workflows whose rows may be in the hot tables still."""
    return _TO_EMPTY.ids(session)


def definitions(session: Session, workflow_id: int) -> list[dict[str, Any]]:
    """Return the stages of a workflow as they are stored, with their outputs and repositories."""
    return [row[0] for row in _STAGES.run(session, workflow_id=workflow_id)]

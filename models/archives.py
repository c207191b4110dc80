"""Workflows that have left the hot tables: one row each, and an object in storage that holds all the rest."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field, SQLModel

from justin.states import WorkflowState
from models.columns import document, moment, now, words


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
    campaign_id: int | None = Field(default=None, foreign_key="campaigns.campaign_id")
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
    """Of its files and jobs by state."""
    location: str
    """The object's address."""
    sha256: str
    size_bytes: int = Field(sa_type=BigInteger)
    archived_at: datetime = now()
    emptied_at: datetime | None = moment(default=None)
    """When the last of its rows had left the hot tables."""

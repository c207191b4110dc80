"""Keep the tags and branches that workflows have their code from, to tell when they move."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "code_references",
        sa.Column("workflow_id", sa.Integer(), nullable=False),
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("commit", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("seen_commit", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["workflow_id"], ["workflows.workflow_id"]),
        sa.PrimaryKeyConstraint("workflow_id", "repository", "reference", "commit"),
    )


def downgrade() -> None:
    op.drop_table("code_references")

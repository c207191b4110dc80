"""Keep up to when changes in each schedd are known, and how often the logs of ended jobs were asked for."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "pool_marks",
        sa.Column("schedd", sa.String(), nullable=False),
        sa.Column("mark_seconds", sa.Float(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("schedd"),
    )
    op.add_column("jobs", sa.Column("log_tries", sa.Integer(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("logs_due_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "logs_due_at")
    op.drop_column("jobs", "log_tries")
    op.drop_table("pool_marks")

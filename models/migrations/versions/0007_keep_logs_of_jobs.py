"""Keep where the logs.tgz of each job lies, and which datasets there are for them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "log_archives",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("did", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("offers", sa.Integer(), nullable=False),
        sa.Column("targets", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("storage_id", sa.Integer(), nullable=True),
        sa.Column("pfn", sa.String(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("adler32", sa.String(), nullable=True),
        sa.Column("period", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_index(
        "log_archives_due", "log_archives", ["next_attempt_at"], postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_table(
        "log_datasets",
        sa.Column("period", sa.BigInteger(), nullable=False),
        sa.Column("storage_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("period", "storage_id"),
    )


def downgrade() -> None:
    op.drop_table("log_datasets")
    op.drop_table("log_archives")

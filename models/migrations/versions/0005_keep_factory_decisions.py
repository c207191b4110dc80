"""Keep what the job factory decided, and index what it decides by."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NOW = sa.text("clock_timestamp()")
INDEXES = {
    "jobs_ended_of_stage": (["stage_id", "finished_at"], "finished_at IS NOT NULL AND started_at IS NOT NULL"),
    "jobs_last_started": (["hint_stage_id", "started_at"], "started_at IS NOT NULL"),
}


def upgrade() -> None:
    op.create_table(
        "factory_decisions",
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("waiting_files", sa.Integer(), nullable=False),
        sa.Column("queued_jobs", sa.Integer(), nullable=False),
        sa.Column("running_jobs", sa.Integer(), nullable=False),
        sa.Column("files_per_job", sa.Float(), nullable=False),
        sa.Column("success_rate", sa.Float(), nullable=False),
        sa.Column("wanted_jobs", sa.Integer(), nullable=False),
        sa.Column("submitted_jobs", sa.Integer(), nullable=False),
        sa.Column("limited_by", sa.String(length=32), nullable=False),
        sa.Column("sentence", sa.String(), nullable=False),
        sa.Column("sites", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("entries", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("stage_id"),
    )
    op.add_column("jobs", sa.Column("processed_files", sa.Integer(), nullable=True))
    for name, (columns, where) in INDEXES.items():
        op.create_index(name, "jobs", columns, postgresql_where=sa.text(where))
    op.create_index("distances_of_storage", "distances", ["storage_id", "distance"])


def downgrade() -> None:
    op.drop_index("distances_of_storage", table_name="distances")
    for name in INDEXES:
        op.drop_index(name, table_name="jobs")
    op.drop_column("jobs", "processed_files")
    op.drop_table("factory_decisions")

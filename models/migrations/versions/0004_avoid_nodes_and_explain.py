"""Keep which nodes are avoided and which jobs were refused files, and index what "why not?" asks."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NOW = sa.text("clock_timestamp()")
INDEXES = {
    "jobs_unstarted": (["hint_stage_id", "finished_at"], "finished_at IS NOT NULL AND started_at IS NULL"),
    "jobs_ended": (["finished_at"], "finished_at IS NOT NULL AND started_at IS NOT NULL"),
    "jobs_gpus": (["site_id", "job_id"], "gpus IS NOT NULL"),
}


def upgrade() -> None:
    op.create_table(
        "avoided_nodes",
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("hostname", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failed_jobs", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.site_id"]),
        sa.PrimaryKeyConstraint("site_id", "hostname"),
    )
    op.add_column("jobs", sa.Column("was_refused", sa.Boolean(), server_default=sa.false(), nullable=False))
    for name, (columns, where) in INDEXES.items():
        op.create_index(name, "jobs", columns, postgresql_where=sa.text(where))


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, table_name="jobs")
    op.drop_column("jobs", "was_refused")
    op.drop_table("avoided_nodes")

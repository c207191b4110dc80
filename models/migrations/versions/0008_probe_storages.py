"""Keep what probes find out about storages, and which storages a site's jobs are not offered for it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "probe_jobs",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("gpu_entry", sa.String(), nullable=False),
        sa.Column("trials", JSONB(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["sites.site_id"]),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_index("probe_jobs_place", "probe_jobs", ["site_id", "gpu_entry", "job_id"])
    op.create_table(
        "probe_results",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("storage_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("gpu_entry", sa.String(), nullable=False),
        sa.Column("read_ok", sa.Boolean(), nullable=True),
        sa.Column("read_seconds", sa.Float(), nullable=True),
        sa.Column("write_ok", sa.Boolean(), nullable=True),
        sa.Column("write_seconds", sa.Float(), nullable=True),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.site_id"]),
        sa.ForeignKeyConstraint(["storage_id"], ["storages.storage_id"]),
        sa.PrimaryKeyConstraint("job_id", "storage_id"),
    )
    op.create_index("probe_results_pair", "probe_results", ["site_id", "storage_id", "at"])
    op.add_column("jobs", sa.Column("is_probe", sa.Boolean(), server_default=sa.false(), nullable=False))
    for name in ("unreadable", "unwritable"):
        op.add_column("distances", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    for name in ("unreadable", "unwritable"):
        op.drop_column("distances", name)
    op.drop_column("jobs", "is_probe")
    op.drop_table("probe_results")
    op.drop_table("probe_jobs")

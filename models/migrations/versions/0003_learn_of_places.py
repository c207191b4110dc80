"""Keep what pilot factories, Rucio and jobs tell of sites, entries and storages."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.add_column("sites", sa.Column("learned", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("sites", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("entries", sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("entries", sa.Column("inner_container_jobsub_id", sa.String(), server_default="", nullable=False))
    op.add_column("storages", sa.Column("deterministic", sa.Boolean(), nullable=True))
    op.add_column("storages", sa.Column("used_bytes", sa.BigInteger(), nullable=True))
    op.add_column("storages", sa.Column("total_bytes", sa.BigInteger(), nullable=True))
    op.add_column("storages", sa.Column("attributes", postgresql.JSONB(), nullable=True))
    op.add_column("storages", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("distances", sa.Column("by_rule", sa.Integer(), nullable=True))
    op.create_table(
        "account_usages",
        sa.Column("quota_id", sa.Integer(), nullable=False),
        sa.Column("storage_id", sa.Integer(), nullable=False),
        sa.Column("used_bytes", sa.BigInteger(), nullable=False),
        sa.Column("limit_bytes", sa.BigInteger(), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["quota_id"], ["quotas.quota_id"]),
        sa.ForeignKeyConstraint(["storage_id"], ["storages.storage_id"]),
        sa.PrimaryKeyConstraint("quota_id", "storage_id"),
    )
    op.create_table(
        "service_pulses",
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("service"),
    )


def downgrade() -> None:
    op.drop_table("service_pulses")
    op.drop_table("account_usages")
    op.drop_column("distances", "by_rule")
    for column in ("retired_at", "attributes", "total_bytes", "used_bytes", "deterministic"):
        op.drop_column("storages", column)
    for column in ("inner_container_jobsub_id", "enabled"):
        op.drop_column("entries", column)
    for column in ("retired_at", "learned"):
        op.drop_column("sites", column)

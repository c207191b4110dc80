"""Keep what comparing the books of outputs found, and find the dropped outputs of a workflow."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "integrity_checks",
        sa.Column("workflow_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("badge", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pass_number", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("final_passes", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_check_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("workflow_id"),
    )
    op.create_index("integrity_checks_due", "integrity_checks", ["next_check_at"])
    op.create_index(
        "integrity_checks_unfinished", "integrity_checks", ["workflow_id"], postgresql_where=sa.text("final_passes = 0")
    )
    op.create_table(
        "integrity_findings",
        sa.Column("finding_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workflow_id", sa.Integer(), nullable=False),
        sa.Column("pass_number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("did", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column("expected", sa.String(), nullable=False),
        sa.Column("found", sa.String(), nullable=False),
        sa.Column("repairable", sa.Boolean(), nullable=False),
        sa.Column("remedy", sa.String(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("repaired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("finding_id"),
    )
    op.create_index(
        "integrity_findings_same",
        "integrity_findings",
        ["workflow_id", "pass_number", "did", "kind", "place", "dataset"],
        unique=True,
    )
    op.create_index(
        "files_dropped",
        "files",
        ["workflow_id", "did"],
        postgresql_where=sa.text("creator_job_id IS NOT NULL AND state = 'dropped'"),
    )


def downgrade() -> None:
    op.drop_index("files_dropped", "files")
    op.drop_table("integrity_findings")
    op.drop_table("integrity_checks")

"""Give the tables whose rows change all the time room to change in place, and an early vacuum."""

from collections.abc import Sequence

from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# One row for each stage or quota, changed at each start and end of a job; and a job's heartbeats.
FILLFACTORS = {"stage_loads": 10, "quota_loads": 10, "jobs": 80}
# A claim walks over what vacuum has not cleared away, so these do not wait for a fifth of the table to change.
EARLY_VACUUMED = ("files", "stage_loads", "quota_loads", "outbox", "request_nonces")


def upgrade() -> None:
    for table, percent in FILLFACTORS.items():
        op.execute(f"ALTER TABLE {table} SET (fillfactor = {percent})")
    for table in EARLY_VACUUMED:
        op.execute(
            f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,"
            " autovacuum_analyze_scale_factor = 0.05)"
        )


def downgrade() -> None:
    for table in FILLFACTORS:
        op.execute(f"ALTER TABLE {table} RESET (fillfactor)")
    for table in EARLY_VACUUMED:
        op.execute(
            f"ALTER TABLE {table} RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,"
            " autovacuum_analyze_scale_factor)"
        )

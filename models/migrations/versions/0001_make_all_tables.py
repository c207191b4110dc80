"""Make all tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "datasets",
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("workflow_id", sa.Integer(), nullable=False),
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("output_id", sa.Integer(), nullable=False),
        sa.Column("storage_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("dataset_id"),
    )
    op.create_index("datasets_did", "datasets", ["scope", "name"], unique=True)
    op.create_index(op.f("ix_datasets_workflow_id"), "datasets", ["workflow_id"], unique=False)
    op.create_table(
        "events",
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("event_type", sa.String(length=32), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("workflow_id", sa.Integer(), nullable=True),
        sa.Column("campaign_id", sa.Integer(), nullable=True),
        sa.Column("stage_id", sa.Integer(), nullable=True),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("jobscript_exit", sa.Integer(), nullable=True),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("entry_name", sa.String(), nullable=True),
        sa.Column("storage_id", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("details", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("events_file", "events", ["file_id"], unique=False, postgresql_where=sa.text("file_id IS NOT NULL"))
    op.create_index("events_job", "events", ["job_id"], unique=False, postgresql_where=sa.text("job_id IS NOT NULL"))
    op.create_index("events_workflow", "events", ["workflow_id", "event_id"], unique=False)
    op.create_table(
        "files",
        sa.Column("file_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workflow_id", sa.Integer(), nullable=False),
        sa.Column("stage_id", sa.Integer(), nullable=True),
        sa.Column("did", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("placement_id", sa.Integer(), nullable=True),
        sa.Column("spread", sa.Integer(), server_default=sa.text("(random() * 2147483647)::int"), nullable=False),
        sa.Column("allocations", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("failed_site_id", sa.Integer(), nullable=True),
        sa.Column("failed_host", sa.String(), nullable=True),
        sa.Column("creator_job_id", sa.BigInteger(), nullable=True),
        sa.Column("output_id", sa.Integer(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("adler32", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("file_id"),
    )
    op.create_index(
        "files_finding", "files", ["stage_id", "file_id"], unique=False, postgresql_where=sa.text("state = 'finding'")
    )
    op.create_index(
        "files_held",
        "files",
        ["stage_id", "job_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('allocated', 'outputting')"),
    )
    op.create_index(
        "files_input",
        "files",
        ["stage_id", "did"],
        unique=True,
        postgresql_where=sa.text("stage_id IS NOT NULL AND state <> 'dropped'"),
    )
    op.create_index(
        "files_made", "files", ["creator_job_id"], unique=False, postgresql_where=sa.text("creator_job_id IS NOT NULL")
    )
    op.create_index(
        "files_output",
        "files",
        ["workflow_id", "did"],
        unique=True,
        postgresql_where=sa.text("creator_job_id IS NOT NULL AND state <> 'dropped'"),
    )
    op.create_index(
        "files_uploading",
        "files",
        ["workflow_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('recorded', 'uploaded')"),
    )
    op.create_index(
        "files_waiting",
        "files",
        ["stage_id", "placement_id", "spread"],
        unique=False,
        postgresql_where=sa.text("state = 'unallocated'"),
    )
    op.create_table(
        "groups",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("group_id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "job_logs",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "kind"),
    )
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("jobsub_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("state_message", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("jobscript_secret", sa.String(), nullable=False),
        sa.Column("quota_id", sa.Integer(), nullable=True),
        sa.Column("charged_quota_id", sa.Integer(), nullable=True),
        sa.Column("hint_stage_id", sa.Integer(), nullable=True),
        sa.Column("workflow_id", sa.Integer(), nullable=True),
        sa.Column("stage_id", sa.Integer(), nullable=True),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("entry_name", sa.String(), nullable=False),
        sa.Column("hostname", sa.String(), nullable=False),
        sa.Column("site_job_id", sa.String(), nullable=False),
        sa.Column("cpuinfo", sa.String(), nullable=False),
        sa.Column("os_release", sa.String(), nullable=False),
        sa.Column("wrapper_version", sa.String(), nullable=False),
        sa.Column("requested_processors", sa.Integer(), nullable=False),
        sa.Column("requested_rss_bytes", sa.BigInteger(), nullable=False),
        sa.Column("requested_wall_seconds", sa.Integer(), nullable=False),
        sa.Column("requested_gpus", sa.Integer(), nullable=False),
        sa.Column("slot_processors", sa.Integer(), nullable=True),
        sa.Column("slot_rss_bytes", sa.BigInteger(), nullable=True),
        sa.Column("slot_wall_seconds", sa.Integer(), nullable=True),
        sa.Column("has_inner_apptainer", sa.Boolean(), nullable=True),
        sa.Column("gpus", postgresql.JSONB(), nullable=True),
        sa.Column(
            "submitted_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("in_pool", sa.Boolean(), nullable=False),
        sa.Column("asked_for_files", sa.Boolean(), nullable=False),
        sa.Column("jobscript_exit", sa.Integer(), nullable=True),
        sa.Column("jobscript_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("jobscript_finish", sa.DateTime(timezone=True), nullable=True),
        sa.Column("real_seconds", sa.Float(), nullable=True),
        sa.Column("cpu_seconds", sa.Float(), nullable=True),
        sa.Column("max_rss_bytes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("job_id"),
        sa.UniqueConstraint("jobsub_id"),
    )
    op.create_index(
        "jobs_alive",
        "jobs",
        ["state", "job_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('submitted', 'started', 'processing', 'outputting')"),
    )
    op.create_index(
        "jobs_left_in_pool",
        "jobs",
        ["job_id"],
        unique=False,
        postgresql_where=sa.text("in_pool AND finished_at IS NOT NULL"),
    )
    op.create_index(
        "jobs_queued", "jobs", ["hint_stage_id"], unique=False, postgresql_where=sa.text("state = 'submitted'")
    )
    op.create_index("jobs_stage", "jobs", ["stage_id", "state"], unique=False)
    op.create_index("jobs_workflow", "jobs", ["workflow_id", "job_id"], unique=False)
    op.create_table(
        "leases",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "outbox",
        sa.Column("outbox_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("workflow_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("storage_id", sa.Integer(), nullable=False),
        sa.Column("pfn", sa.String(), nullable=False),
        sa.Column("file_metadata", postgresql.JSONB(), nullable=True),
        sa.Column("parents", postgresql.JSONB(), nullable=True),
        sa.Column("dataset_number", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column(
            "next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("outbox_id"),
        sa.UniqueConstraint("file_id"),
    )
    op.create_index(
        "outbox_due", "outbox", ["next_attempt_at"], unique=False, postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_index("outbox_job", "outbox", ["job_id"], unique=False)
    op.create_table(
        "placements",
        sa.Column("placement_id", sa.Integer(), nullable=False),
        sa.Column("storage_ids", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.PrimaryKeyConstraint("placement_id"),
        sa.UniqueConstraint("storage_ids"),
    )
    op.create_table(
        "quota_loads",
        sa.Column("quota_id", sa.Integer(), nullable=False),
        sa.Column("running_jobs", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("quota_id"),
    )
    op.create_table(
        "recorded_outputs",
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("file_metadata", postgresql.JSONB(), nullable=True),
        sa.Column("parents", postgresql.JSONB(), nullable=True),
        sa.Column("targets", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("file_id"),
    )
    op.create_table(
        "replicas",
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("storage_id", sa.Integer(), nullable=False),
        sa.Column("wan_pfn", sa.String(), nullable=False),
        sa.Column("lan_pfn", sa.String(), nullable=True),
        sa.Column("accessible_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("file_id", "storage_id"),
    )
    op.create_table(
        "request_nonces",
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("nonce"),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "sites",
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(), nullable=False),
        sa.Column(
            "last_seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("site_id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "stage_loads",
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("running_jobs", sa.Integer(), nullable=False),
        sa.Column("unasked_jobs", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("stage_id"),
    )
    op.create_table(
        "stage_placements",
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("storage_id", sa.Integer(), nullable=False),
        sa.Column("placement_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("stage_id", "storage_id", "placement_id"),
    )
    op.create_table(
        "users",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("user_id"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("subject"),
    )
    op.create_table(
        "campaigns",
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"]),
        sa.PrimaryKeyConstraint("campaign_id"),
    )
    op.create_table(
        "entries",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("processors", sa.Integer(), nullable=False),
        sa.Column("rss_bytes", sa.BigInteger(), nullable=False),
        sa.Column("wall_seconds", sa.Integer(), nullable=False),
        sa.Column("gpus", sa.Integer(), nullable=False),
        sa.Column("gpus_always", sa.Boolean(), nullable=False),
        sa.Column("inner_container", sa.Boolean(), nullable=True),
        sa.Column("inner_container_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("configuration", postgresql.JSONB(), nullable=True),
        sa.Column(
            "last_seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.site_id"]),
        sa.PrimaryKeyConstraint("entry_id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index(op.f("ix_entries_site_id"), "entries", ["site_id"], unique=False)
    op.create_table(
        "group_members",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.group_id"]),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"]),
        sa.PrimaryKeyConstraint("group_id", "user_id"),
    )
    op.create_index(op.f("ix_group_members_user_id"), "group_members", ["user_id"], unique=False)
    op.create_table(
        "quotas",
        sa.Column("quota_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("accounting_group", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(), nullable=False),
        sa.Column("max_input_files", sa.Integer(), nullable=False),
        sa.Column("max_running_jobs", sa.Integer(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.group_id"]),
        sa.PrimaryKeyConstraint("quota_id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_sha256", sa.String(), nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"]),
        sa.PrimaryKeyConstraint("session_id"),
        sa.UniqueConstraint("token_sha256"),
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)
    op.create_table(
        "storages",
        sa.Column("storage_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("tape", sa.Boolean(), nullable=False),
        sa.Column("rucio_read", sa.Boolean(), nullable=False),
        sa.Column("rucio_write", sa.Boolean(), nullable=False),
        sa.Column("enabled_read", sa.Boolean(), nullable=False),
        sa.Column("enabled_write", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(), nullable=False),
        sa.Column("occupancy", sa.Float(), nullable=False),
        sa.Column("protocols", postgresql.JSONB(), nullable=True),
        sa.Column(
            "last_seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.site_id"]),
        sa.PrimaryKeyConstraint("storage_id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "distances",
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("storage_id", sa.Integer(), nullable=False),
        sa.Column("distance", sa.Integer(), nullable=False),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.site_id"]),
        sa.ForeignKeyConstraint(["storage_id"], ["storages.storage_id"]),
        sa.PrimaryKeyConstraint("site_id", "storage_id"),
    )
    op.create_index("distances_nearest", "distances", ["site_id", "distance", "storage_id"], unique=False)
    op.create_table(
        "scopes",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("quota_id", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["quota_id"], ["quotas.quota_id"]),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index(op.f("ix_scopes_quota_id"), "scopes", ["quota_id"], unique=False)
    op.create_table(
        "workflows",
        sa.Column("workflow_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=True),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("mql", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("state_message", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("refind_interval_seconds", sa.Integer(), nullable=True),
        sa.Column("refind_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refind_next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.campaign_id"]),
        sa.ForeignKeyConstraint(["scope"], ["scopes.name"]),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"]),
        sa.PrimaryKeyConstraint("workflow_id"),
    )
    op.create_index(op.f("ix_workflows_campaign_id"), "workflows", ["campaign_id"], unique=False)
    op.create_index(op.f("ix_workflows_user_id"), "workflows", ["user_id"], unique=False)
    op.create_index(
        "workflows_due", "workflows", ["refind_next_at"], unique=False, postgresql_where=sa.text("state = 'running'")
    )
    op.create_index(
        "workflows_unfinished",
        "workflows",
        ["state"],
        unique=False,
        postgresql_where=sa.text("state NOT IN ('finished', 'failed')"),
    )
    op.create_table(
        "stages",
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("workflow_id", sa.Integer(), nullable=False),
        sa.Column("stage_number", sa.Integer(), nullable=False),
        sa.Column("jobscript", sa.String(), nullable=False),
        sa.Column("jobscript_sha256", sa.String(), nullable=False),
        sa.Column("jobscript_git", sa.String(), nullable=False),
        sa.Column("jobscript_commit", sa.String(), nullable=False),
        sa.Column("image", sa.String(), nullable=False),
        sa.Column("image_digest", sa.String(), nullable=False),
        sa.Column("processors", sa.Integer(), nullable=False),
        sa.Column("rss_bytes", sa.BigInteger(), nullable=False),
        sa.Column("wall_seconds", sa.Integer(), nullable=False),
        sa.Column("max_distance", sa.Integer(), nullable=False),
        sa.Column("gpus", sa.Integer(), nullable=False),
        sa.Column("gpu_memory_bytes", sa.BigInteger(), nullable=True),
        sa.Column("gpu_min_capability", sa.Numeric(precision=6, scale=2), nullable=True),
        sa.Column("gpu_max_capability", sa.Numeric(precision=6, scale=2), nullable=True),
        sa.Column("gpu_min_runtime", sa.Numeric(precision=6, scale=2), nullable=True),
        sa.Column("gpu_model", sa.String(), nullable=False),
        sa.Column("max_allocations", sa.Integer(), nullable=False),
        sa.Column("max_files_per_job", sa.Integer(), nullable=False),
        sa.Column("max_jobs", sa.Integer(), nullable=True),
        sa.Column("classads", postgresql.JSONB(), nullable=True),
        sa.ForeignKeyConstraint(["workflow_id"], ["workflows.workflow_id"]),
        sa.PrimaryKeyConstraint("stage_id"),
        sa.UniqueConstraint("workflow_id", "stage_number"),
    )
    op.create_table(
        "submission_keys",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("request_sha256", sa.String(), nullable=False),
        sa.Column("workflow_id", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"]),
        sa.ForeignKeyConstraint(["workflow_id"], ["workflows.workflow_id"]),
        sa.PrimaryKeyConstraint("user_id", "key"),
    )
    op.create_index(op.f("ix_submission_keys_workflow_id"), "submission_keys", ["workflow_id"], unique=False)
    op.create_table(
        "stage_environment",
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.stage_id"]),
        sa.PrimaryKeyConstraint("stage_id", "name"),
    )
    op.create_table(
        "stage_outputs",
        sa.Column("output_id", sa.Integer(), nullable=False),
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("pattern_id", sa.Integer(), nullable=False),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("for_next_stage", sa.Boolean(), nullable=False),
        sa.Column("lifetime_seconds", sa.Integer(), nullable=True),
        sa.Column("rse_expression", sa.String(), nullable=False),
        sa.Column("numbered_files", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.stage_id"]),
        sa.PrimaryKeyConstraint("output_id"),
        sa.UniqueConstraint("stage_id", "pattern_id"),
    )
    op.create_table(
        "stage_repositories",
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("organisation", sa.String(), nullable=False),
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("commit", sa.String(), nullable=False),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.stage_id"]),
        sa.PrimaryKeyConstraint("repository_id"),
        sa.UniqueConstraint("stage_id", "organisation", "repository"),
    )
    op.create_table(
        "stage_sites",
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.site_id"]),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.stage_id"]),
        sa.PrimaryKeyConstraint("stage_id", "site_id"),
    )
    op.create_table(
        "stage_storages",
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("storage_id", sa.Integer(), nullable=False),
        sa.Column("for_input", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.stage_id"]),
        sa.ForeignKeyConstraint(["storage_id"], ["storages.storage_id"]),
        sa.PrimaryKeyConstraint("stage_id", "storage_id", "for_input"),
    )


def downgrade() -> None:
    op.drop_table("stage_storages")
    op.drop_table("stage_sites")
    op.drop_table("stage_repositories")
    op.drop_table("stage_outputs")
    op.drop_table("stage_environment")
    op.drop_index(op.f("ix_submission_keys_workflow_id"), table_name="submission_keys")
    op.drop_table("submission_keys")
    op.drop_table("stages")
    op.drop_index(
        "workflows_unfinished", table_name="workflows", postgresql_where=sa.text("state NOT IN ('finished', 'failed')")
    )
    op.drop_index("workflows_due", table_name="workflows", postgresql_where=sa.text("state = 'running'"))
    op.drop_index(op.f("ix_workflows_user_id"), table_name="workflows")
    op.drop_index(op.f("ix_workflows_campaign_id"), table_name="workflows")
    op.drop_table("workflows")
    op.drop_index(op.f("ix_scopes_quota_id"), table_name="scopes")
    op.drop_table("scopes")
    op.drop_index("distances_nearest", table_name="distances")
    op.drop_table("distances")
    op.drop_table("storages")
    op.drop_index(op.f("ix_sessions_user_id"), table_name="sessions")
    op.drop_table("sessions")
    op.drop_table("quotas")
    op.drop_index(op.f("ix_group_members_user_id"), table_name="group_members")
    op.drop_table("group_members")
    op.drop_index(op.f("ix_entries_site_id"), table_name="entries")
    op.drop_table("entries")
    op.drop_table("campaigns")
    op.drop_table("users")
    op.drop_table("stage_placements")
    op.drop_table("stage_loads")
    op.drop_table("sites")
    op.drop_table("request_nonces")
    op.drop_table("replicas")
    op.drop_table("recorded_outputs")
    op.drop_table("quota_loads")
    op.drop_table("placements")
    op.drop_index("outbox_job", table_name="outbox")
    op.drop_index("outbox_due", table_name="outbox", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_table("outbox")
    op.drop_table("leases")
    op.drop_index("jobs_workflow", table_name="jobs")
    op.drop_index("jobs_stage", table_name="jobs")
    op.drop_index("jobs_queued", table_name="jobs", postgresql_where=sa.text("state = 'submitted'"))
    op.drop_index(
        "jobs_left_in_pool", table_name="jobs", postgresql_where=sa.text("in_pool AND finished_at IS NOT NULL")
    )
    op.drop_index(
        "jobs_alive",
        table_name="jobs",
        postgresql_where=sa.text("state IN ('submitted', 'started', 'processing', 'outputting')"),
    )
    op.drop_table("jobs")
    op.drop_table("job_logs")
    op.drop_table("groups")
    op.drop_index("files_waiting", table_name="files", postgresql_where=sa.text("state = 'unallocated'"))
    op.drop_index("files_uploading", table_name="files", postgresql_where=sa.text("state IN ('recorded', 'uploaded')"))
    op.drop_index(
        "files_output",
        table_name="files",
        postgresql_where=sa.text("creator_job_id IS NOT NULL AND state <> 'dropped'"),
    )
    op.drop_index("files_made", table_name="files", postgresql_where=sa.text("creator_job_id IS NOT NULL"))
    op.drop_index(
        "files_input", table_name="files", postgresql_where=sa.text("stage_id IS NOT NULL AND state <> 'dropped'")
    )
    op.drop_index("files_held", table_name="files", postgresql_where=sa.text("state IN ('allocated', 'outputting')"))
    op.drop_index("files_finding", table_name="files", postgresql_where=sa.text("state = 'finding'"))
    op.drop_table("files")
    op.drop_index("events_workflow", table_name="events")
    op.drop_index("events_job", table_name="events", postgresql_where=sa.text("job_id IS NOT NULL"))
    op.drop_index("events_file", table_name="events", postgresql_where=sa.text("file_id IS NOT NULL"))
    op.drop_table("events")
    op.drop_index(op.f("ix_datasets_workflow_id"), table_name="datasets")
    op.drop_index("datasets_did", table_name="datasets")
    op.drop_table("datasets")

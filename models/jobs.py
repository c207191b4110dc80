"""Jobs, what their slots were, and their logs."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from justin.states import JobState
from models.columns import big_key, document, moment, now, words

_ALIVE = text("state IN ('submitted', 'started', 'processing', 'outputting')")
_STARTED_AND_ENDED = text("finished_at IS NOT NULL AND started_at IS NOT NULL")
_NEVER_STARTED = text("finished_at IS NOT NULL AND started_at IS NULL")


class Job(SQLModel, table=True):
    """One run of the wrapper in one slot.

    It is submitted for a requirement class and gets its stage when its slot starts; `hint_stage_id` is what the
    job factory had in mind.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("jobs_stage", "stage_id", "state"),
        Index("jobs_workflow", "workflow_id", "job_id"),
        # Without heartbeat_at, so that a heartbeat touches no index.
        Index("jobs_alive", "state", "job_id", postgresql_where=_ALIVE),
        Index("jobs_queued", "hint_stage_id", postgresql_where=text("state = 'submitted'")),
        Index("jobs_unstarted", "hint_stage_id", "finished_at", postgresql_where=_NEVER_STARTED),
        Index("jobs_ended", "finished_at", postgresql_where=_STARTED_AND_ENDED),
        Index("jobs_ended_of_stage", "stage_id", "finished_at", postgresql_where=_STARTED_AND_ENDED),
        Index("jobs_last_started", "hint_stage_id", "started_at", postgresql_where=text("started_at IS NOT NULL")),
        Index("jobs_gpus", "site_id", "job_id", postgresql_where=text("gpus IS NOT NULL")),
        Index("jobs_left_in_pool", "job_id", postgresql_where=text("in_pool AND finished_at IS NOT NULL")),
    )

    job_id: int | None = big_key()
    jobsub_id: str = Field(unique=True)
    """As the pool names it, `CLUSTER.PROC@SCHEDD`."""
    state: JobState = Field(default=JobState.SUBMITTED, sa_type=words(JobState))
    state_message: str = ""
    secret: str = Field(repr=False)
    """64 hex digits: opens every call of the wrapper."""
    jobscript_secret: str = Field(repr=False)
    """64 hex digits: opens get_file and get_allocated_files only."""
    quota_id: int | None = None
    """Whose accounting group the job was submitted in; null for one that may serve any."""
    charged_quota_id: int | None = None
    """Whose running jobs it counts among, from its start to its end."""
    hint_stage_id: int | None = None
    workflow_id: int | None = None
    stage_id: int | None = None
    site_id: int | None = None
    entry_name: str = ""
    hostname: str = ""
    site_job_id: str = ""
    cpuinfo: str = ""
    os_release: str = ""
    wrapper_version: str = ""
    requested_processors: int = 1
    requested_rss_bytes: int = Field(default=0, sa_type=BigInteger)
    requested_wall_seconds: int = 0
    requested_gpus: int = 0
    slot_processors: int | None = None
    slot_rss_bytes: int | None = Field(default=None, sa_type=BigInteger)
    slot_wall_seconds: int | None = None
    has_inner_apptainer: bool | None = None
    gpus: dict[str, Any] | None = document()
    submitted_at: datetime = now()
    started_at: datetime | None = moment(default=None)
    heartbeat_at: datetime | None = moment(default=None)
    finished_at: datetime | None = moment(default=None)
    is_probe: bool = False
    """Whether it serves no stage, and tries the storages of its site instead."""
    in_pool: bool = True
    """Whether the pool may still hold it, and its logs are still to be fetched from there."""
    log_tries: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """How often they could not be had."""
    logs_due_at: datetime | None = moment(default=None)
    """When they are to be asked for again."""
    asked_for_files: bool = False
    was_refused: bool = False
    """Whether the system kept a file from it that it asked for: by a pause, a disabling, or an outage."""
    processed_files: int | None = None
    """How many of its files its jobscript processed; null until it tells."""
    jobscript_exit: int | None = None
    jobscript_start: datetime | None = moment(default=None)
    jobscript_finish: datetime | None = moment(default=None)
    real_seconds: float | None = None
    cpu_seconds: float | None = None
    max_rss_bytes: int | None = Field(default=None, sa_type=BigInteger)


class StageLoad(SQLModel, table=True):
    """How many jobs a stage has now; kept by the statements that move jobs, so that limits hold exactly."""

    __tablename__ = "stage_loads"

    stage_id: int = Field(primary_key=True)
    running_jobs: int = 0
    """Started and not ended."""
    unasked_jobs: int = 0
    """Those of them that have not asked for a file yet."""


class QuotaLoad(SQLModel, table=True):
    """How many jobs a quota has now; kept like `StageLoad`."""

    __tablename__ = "quota_loads"

    quota_id: int = Field(primary_key=True)
    running_jobs: int = 0


class JobLog(SQLModel, table=True):
    """A log of a job: what its jobscript wrote, its wrapper wrote, or the pool said; compressed with zlib."""

    __tablename__ = "job_logs"

    job_id: int = Field(primary_key=True, sa_type=BigInteger)
    kind: str = Field(primary_key=True)
    """`jobscript`, `wrapper`, `stderr` (of the wrapper, or of what started it) or `pool`."""
    content: bytes = Field(sa_type=LargeBinary)
    size_bytes: int = Field(sa_type=BigInteger)
    """Before compression."""
    saved_at: datetime = now()


class PoolMark(SQLModel, table=True):
    """Up to when it is known what became of the jobs of a schedd."""

    __tablename__ = "pool_marks"

    schedd: str = Field(primary_key=True)
    """What the names of its jobs have after their `@`."""
    mark_seconds: float
    """By its own clock, since 1970; changes from then on are asked for next."""
    looked_at: datetime = now()
    """When all its jobs were last looked at, changed or not."""


class RequestNonce(SQLModel, table=True):
    """A nonce of a signed request, remembered for as long as its signature would be accepted."""

    __tablename__ = "request_nonces"
    __table_args__ = {"prefixes": ["UNLOGGED"]}

    nonce: str = Field(primary_key=True)
    seen_at: datetime = now()

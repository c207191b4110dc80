"""Jobs and their logs."""

import zlib
from dataclasses import asdict, dataclass
from datetime import datetime

from justin.states import JobState
from models.database import Session
from models.statements import load

_LIST_JOBS = load("list_jobs")
_JOB_LOGS = load("job_logs")


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job; `stage_id` is the stage's number."""

    job_id: int
    jobsub_id: str
    state: JobState
    state_message: str
    workflow_id: int | None
    stage_id: int | None
    site: str | None
    entry: str
    hostname: str
    submitted_at: datetime
    started_at: datetime | None
    heartbeat_at: datetime | None
    finished_at: datetime | None
    jobscript_exit: int | None
    real_seconds: float | None
    cpu_seconds: float | None
    max_rss_bytes: int | None
    inputs: int
    """How often it was given a file."""
    outputs: int


@dataclass(frozen=True, slots=True)
class LogRow:
    """A log of a job."""

    jobsub_id: str
    kind: str
    saved_at: datetime
    size_bytes: int
    text: str


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs; what is None does not matter. `stage_id` is the stage's number."""

    workflow_id: int | None = None
    stage_id: int | None = None
    state: JobState | None = None
    site: str | None = None
    jobsub_id: str | None = None


def list_jobs(session: Session, wanted: JobFilter, limit: int, after: int | None = None) -> list[JobRow]:
    """List jobs, newest first; `after` is the key of the last one seen."""
    rows = _LIST_JOBS.run(session, **asdict(wanted), limit=limit, after=after)
    return [JobRow(job_id, jobsub_id, JobState(state), *rest) for job_id, jobsub_id, state, *rest in rows]


def one_job(session: Session, jobsub_id: str) -> JobRow | None:
    """Return a job; None for an unknown one."""
    return next(iter(list_jobs(session, JobFilter(jobsub_id=jobsub_id), limit=1)), None)


def job_logs(session: Session, jobsub_id: str) -> list[LogRow]:
    """Return what is kept of what a job wrote."""
    rows = _JOB_LOGS.run(session, jobsub_id=jobsub_id)
    return [
        LogRow(found_id, kind, saved_at, size_bytes, zlib.decompress(content).decode(errors="replace"))
        for found_id, kind, saved_at, size_bytes, content in rows
    ]

"""Jobs and their logs."""

import zlib
from dataclasses import asdict, dataclass

from justin.schemas.views import JobLogView, JobView
from justin.states import JobState
from models.database import Session
from models.statements import load

_LIST_JOBS = load("list_jobs")
_JOB_LOGS = load("job_logs")


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs; what is None does not matter. `stage_id` is the stage's number."""

    workflow_id: int | None = None
    stage_id: int | None = None
    state: JobState | None = None
    site: str | None = None
    jobsub_id: str | None = None


def list_jobs(session: Session, wanted: JobFilter, limit: int, after: int | None = None) -> list[JobView]:
    """List jobs, newest first; `after` is the key of the last one seen."""
    return _LIST_JOBS.read(session, JobView, **asdict(wanted), limit=limit, after=after)


def one_job(session: Session, jobsub_id: str) -> JobView | None:
    """Return a job; None for an unknown one."""
    return next(iter(list_jobs(session, JobFilter(jobsub_id=jobsub_id), limit=1)), None)


def job_logs(session: Session, jobsub_id: str) -> list[JobLogView]:
    """Return what is kept of what a job wrote."""
    return [
        JobLogView(
            jobsub_id=jobsub_id,
            kind=kind,
            saved_at=saved_at,
            size_bytes=size_bytes,
            text=zlib.decompress(content).decode(errors="replace"),
        )
        for kind, saved_at, size_bytes, content in _JOB_LOGS.run(session, jobsub_id=jobsub_id)
    ]

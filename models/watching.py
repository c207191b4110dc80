"""Jobs as seen from outside: silent ones, those the pool should know, and those nothing waits for any more."""

from collections.abc import Sequence
from dataclasses import dataclass

from justin.states import JobState
from models.database import Session
from models.statements import load

_STALE_JOBS = load("stale_jobs")
_LIVE_JOBS = load("live_jobs")
_SURPLUS_JOBS = load("surplus_jobs")
_JOBS_LEFT_IN_POOL = load("jobs_left_in_pool")
_JOBS_OUT_OF_POOL = load("jobs_out_of_pool")

MOST_JOBS = 1000
"""That are looked at in one go."""


@dataclass(frozen=True, slots=True)
class WatchedJob:
    """A job, by our key and by the pool's name."""

    job_id: int
    jobsub_id: str


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job that has ended, and how."""

    job_id: int
    jobsub_id: str
    state: JobState


@dataclass(frozen=True, slots=True)
class LiveJob:
    """A job that has not ended, and for how long it has said nothing."""

    job_id: int
    jobsub_id: str
    state: JobState
    silent_seconds: float


@dataclass(frozen=True, slots=True)
class UseOfJobs:
    """What the queued jobs of a stage are good for."""

    stage_id: int
    files_per_job: float
    """More than one counts as one."""
    success_rate: float
    lent: int
    """How many jobs other stages count on."""


def stale_jobs(session: Session, seconds: float, limit: int = MOST_JOBS) -> list[WatchedJob]:
    """List running jobs that have said nothing for so long."""
    return [WatchedJob(*row) for row in _STALE_JOBS.run(session, seconds=float(seconds), limit=limit)]


def live_jobs(session: Session, after: int = 0, limit: int = MOST_JOBS) -> list[LiveJob]:
    """List jobs that have not ended, with keys beyond `after`."""
    rows = _LIVE_JOBS.run(session, after=after, limit=limit)
    return [LiveJob(job_id, name, JobState(state), silent) for job_id, name, state, silent in rows]


def surplus_jobs(
    session: Session, seconds: float = 0.0, limit: int = MOST_JOBS, of_use: Sequence[UseOfJobs] = ()
) -> list[WatchedJob]:
    """List queued jobs, submitted so long ago or before, for which no file of their stage waits any more.

    Where nothing is said of their use, a job is there for one file.
    """
    rows = _SURPLUS_JOBS.run(
        session,
        seconds=float(seconds),
        limit=limit,
        stage_ids=[one.stage_id for one in of_use],
        files_per_job=[one.files_per_job for one in of_use],
        success_rates=[one.success_rate for one in of_use],
        lent=[one.lent for one in of_use],
    )
    return [WatchedJob(*row) for row in rows]


def jobs_left_in_pool(session: Session, limit: int = MOST_JOBS) -> list[EndedJob]:
    """List ended jobs that the pool may still hold, the oldest first."""
    rows = _JOBS_LEFT_IN_POOL.run(session, limit=limit)
    return [EndedJob(job_id, jobsub_id, JobState(state)) for job_id, jobsub_id, state in rows]


def left_pool(session: Session, job_ids: Sequence[int]) -> None:
    """Note that the pool holds these jobs no more."""
    _JOBS_OUT_OF_POOL.run(session, job_ids=list(job_ids))

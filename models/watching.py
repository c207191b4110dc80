"""Jobs as seen from outside: silent ones, those the pool should know, and those nothing waits for any more."""

from collections.abc import Sequence
from dataclasses import dataclass

from justin.states import JobState
from models.database import Session
from models.statements import load

_STALE_JOBS = load("stale_jobs")
_LIVE_JOBS = load("live_jobs")
_SURPLUS_JOBS = load("surplus_jobs")
_NAMED_JOBS = load("named_jobs")
_UNSTARTED_JOBS = load("unstarted_jobs")
_LIVE_SCHEDDS = load("live_schedds")
_PUT_POOL_MARK = load("put_pool_mark")
_JOBS_LEFT_IN_POOL = load("jobs_left_in_pool")
_PUT_LOGS_OFF = load("put_logs_off")
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
    """A job that has ended, how, and how often its logs could not be had."""

    job_id: int
    jobsub_id: str
    state: JobState
    log_tries: int
    ended_seconds: float
    """Since then."""


@dataclass(frozen=True, slots=True)
class LiveSchedd:
    """A part of the pool with jobs that have not ended; what their names have after their `@`."""

    schedd: str
    mark_seconds: float | None
    """Up to when changes there are known; None at first."""
    is_due: bool
    """Whether all its jobs are to be looked at again."""


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


def live_schedds(session: Session, seconds: float) -> list[LiveSchedd]:
    """List the schedds with jobs that have not ended; those are due of which not all was looked at for so long."""
    return [LiveSchedd(*row) for row in _LIVE_SCHEDDS.run(session, seconds=float(seconds))]


def put_mark(session: Session, schedd: str, mark_seconds: float, *, looked: bool) -> None:
    """Note up to when changes in a schedd are known, and whether all its jobs were looked at."""
    _PUT_POOL_MARK.run(session, schedd=schedd, mark_seconds=float(mark_seconds), looked=looked)


def live_jobs(session: Session, schedds: Sequence[str], after: int = 0, limit: int = MOST_JOBS) -> list[LiveJob]:
    """List the jobs of schedds that have not ended, with keys beyond `after`."""
    rows = _LIVE_JOBS.run(session, schedds=list(schedds), after=after, limit=limit)
    return [LiveJob(job_id, name, JobState(state), silent) for job_id, name, state, silent in rows]


def named_jobs(session: Session, jobsub_ids: Sequence[str]) -> list[LiveJob]:
    """List those of the jobs that have not ended."""
    rows = _NAMED_JOBS.run(session, jobsub_ids=list(jobsub_ids))
    return [LiveJob(job_id, name, JobState(state), silent) for job_id, name, state, silent in rows]


def unstarted_jobs(session: Session, seconds: float, after: int = 0, limit: int = MOST_JOBS) -> list[WatchedJob]:
    """List jobs that have been queued for so long, with keys beyond `after`."""
    rows = _UNSTARTED_JOBS.run(session, seconds=float(seconds), after=after, limit=limit)
    return [WatchedJob(*row) for row in rows]


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


def jobs_left_in_pool(session: Session, after: int = 0, limit: int = MOST_JOBS) -> list[EndedJob]:
    """List ended jobs that the pool may still hold and whose logs may be asked for, with keys beyond `after`."""
    rows = _JOBS_LEFT_IN_POOL.run(session, after=after, limit=limit)
    return [EndedJob(job_id, name, JobState(state), tries, ago) for job_id, name, state, tries, ago in rows]


def put_logs_off(session: Session, job_ids: Sequence[int], seconds: float, *, tried: bool) -> dict[int, int]:
    """Have logs asked for later, after a pause that doubles with each try, and return how often each was tried."""
    rows = _PUT_LOGS_OFF.run(session, job_ids=list(job_ids), seconds=float(seconds), tries=int(tried))
    return {row[0]: row[1] for row in rows}


def left_pool(session: Session, job_ids: Sequence[int]) -> None:
    """Note that the pool holds these jobs no more."""
    _JOBS_OUT_OF_POOL.run(session, job_ids=list(job_ids))

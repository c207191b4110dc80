"""Job logs: what ended jobs leave in the pool is kept in the database, and the pool drops it."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from engine import pool_removals
from engine.chunks import chunks
from engine.errors import EngineError, ServiceRefused, Unavailable
from engine.pool_looks import OUT_OF_POOL
from engine.pool_ports import PoolLog, PoolState
from engine.runtime import Runtime
from justin.states import JobState
from models import reports, watching
from models.reports import POOL_LOG, STDERR_LOG, WRAPPER_LOG
from models.watching import EndedJob

LOG = logging.getLogger(__name__)

ENDED_BY_US: Final = frozenset({JobState.REMOVED, JobState.STALLED})
LINGERING_SECONDS: Final = 3600.0
"""After which a job that has reported its end and stays in the pool is taken out."""
UNKNOWN: Final = "The pool does not know the job any more: there is nothing to fetch from it.\n"
MOST_PAGES: Final = 20
"""In one cycle."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a cycle did about the logs of ended jobs."""

    logs: int = 0
    """Jobs whose logs were kept."""
    left: int = 0
    """Jobs of which the pool holds nothing any more."""
    put_off: int = 0
    """Jobs whose logs could not be had this time."""
    given_up: int = 0
    """Jobs whose logs are not asked for again."""

    def __bool__(self) -> bool:
        """Say whether anything was done."""
        return bool(self.logs or self.left or self.put_off or self.given_up)

    def __add__(self, other: "Kept") -> "Kept":
        """Return the two together."""
        return Kept(
            self.logs + other.logs,
            self.left + other.left,
            self.put_off + other.put_off,
            self.given_up + other.given_up,
        )


def keep_logs(runtime: Runtime) -> Kept:
    """Keep the logs of ended jobs, let the pool forget these, and take out those that have stayed there.

    A log that was kept before one dies is only kept again. Raises `Unavailable` when the pool does not answer.
    """
    return sum((_keep(runtime, jobs) for jobs in _pages(runtime)), Kept())


def _pages(runtime: Runtime) -> Iterator[Sequence[EndedJob]]:
    after = 0
    for _ in range(MOST_PAGES):
        with runtime.session() as session:
            jobs = watching.jobs_left_in_pool(session, after)
        if not jobs:
            return
        yield jobs
        after = jobs[-1].job_id


def _keep(runtime: Runtime, jobs: Sequence[EndedJob]) -> Kept:
    known = runtime.pool.jobs([job.jobsub_id for job in jobs])
    states = {job: known[job.jobsub_id].state if job.jobsub_id in known else None for job in jobs}
    unknown = [job for job, state in states.items() if state is None]
    unseen = [job for job, state in states.items() if state is PoolState.UNSEEN]
    over: dict[str, list[EndedJob]] = defaultdict(list)
    for job, state in states.items():
        if state in OUT_OF_POOL:
            over[job.jobsub_id.partition("@")[2]].append(job)
    kept = sum((_of_schedd(runtime, ended) for ended in over.values()), Kept())
    kept += _give_up(runtime, unknown, UNKNOWN, counted=False) + _wait_for(runtime, unseen)
    pool_removals.take_out(runtime, [job.jobsub_id for job, state in states.items() if _must_go(job, state)])
    return kept


def _of_schedd(runtime: Runtime, jobs: Sequence[EndedJob]) -> Kept:
    """Keep the logs of jobs of one schedd; what it does not give is asked for again later, and others wait not for it.

    Those that failed before are asked for one by one, after all others: one of them is the reason.
    """
    fresh, failed = [job for job in jobs if not job.log_tries], [job for job in jobs if job.log_tries]
    kept = Kept()
    for batch in (*chunks(fresh, runtime.settings.job_logs.at_once), *chunks(failed, 1)):
        try:
            kept += _of_batch(runtime, batch)
        except (Unavailable, ServiceRefused) as error:
            LOG.warning("the logs of %s jobs cannot be had now: %s", len(batch), error)
            return kept + _failed(runtime, batch, str(error))
    return kept


def _of_batch(runtime: Runtime, jobs: Sequence[EndedJob]) -> Kept:
    found = runtime.pool.logs([job.jobsub_id for job in jobs])
    with runtime.session() as session:
        for job in jobs:
            if log := found.get(job.jobsub_id):
                for kind, text in ((WRAPPER_LOG, log.wrapper), (STDERR_LOG, log.stderr), (POOL_LOG, log.pool)):
                    reports.save_log(session, job.job_id, kind, text)
    had = [job for job in jobs if not _problem(found, job)]
    runtime.pool.forget([job.jobsub_id for job in had])
    with runtime.session() as session:
        watching.left_pool(session, [job.job_id for job in had])
    kept = Kept(logs=sum(_has_text(found.get(job.jobsub_id)) for job in had), left=len(had))
    for job in jobs:
        if problem := _problem(found, job):
            kept += _failed(runtime, [job], problem)
    return kept


def _problem(found: dict[str, PoolLog], job: EndedJob) -> str:
    log = found.get(job.jobsub_id)
    return log.problem if log else ""


def _has_text(log: PoolLog | None) -> bool:
    return bool(log and (log.wrapper or log.stderr or log.pool))


def _failed(runtime: Runtime, jobs: Sequence[EndedJob], problem: str) -> Kept:
    """Try jobs again later, and no more once that has failed so often."""
    limits = runtime.settings.job_logs
    with runtime.session() as session:
        tries = watching.put_logs_off(session, [job.job_id for job in jobs], limits.retry_seconds, tried=True)
    hopeless = [job for job in jobs if tries.get(job.job_id, 0) >= limits.most_tries]
    why = f"What the pool kept of the job could not be fetched in {limits.most_tries} tries: {problem}\n"
    return Kept(put_off=len(jobs) - len(hopeless)) + _give_up(runtime, hopeless, why)


def _wait_for(runtime: Runtime, jobs: Sequence[EndedJob]) -> Kept:
    """Ask for jobs later whose part of the pool does not answer, which is no fault of theirs, but not for ever."""
    limits = runtime.settings.job_logs
    hopeless = [job for job in jobs if job.ended_seconds > limits.give_up_after_seconds]
    waiting = [job.job_id for job in jobs if job not in hopeless]
    with runtime.session() as session:
        watching.put_logs_off(session, waiting, limits.retry_seconds, tried=False)
    days = limits.give_up_after_seconds / 86_400
    why = f"The part of the pool that had the job has not answered for {days:.4g} days.\n"
    return Kept(put_off=len(waiting)) + _give_up(runtime, hopeless, why)


def _give_up(runtime: Runtime, jobs: Sequence[EndedJob], why: str, *, counted: bool = True) -> Kept:
    """Ask for jobs no more, with a line in the place of the log; an earlier log stays."""
    if not jobs:
        return Kept()
    # It drops them by itself, later, if it cannot be told.
    with suppress(EngineError):
        runtime.pool.forget([job.jobsub_id for job in jobs])
    with runtime.session() as session:
        for job in jobs:
            reports.note_log(session, job.job_id, POOL_LOG, why)
        watching.left_pool(session, [job.job_id for job in jobs])
    return Kept(given_up=len(jobs)) if counted else Kept(left=len(jobs))


def _must_go(job: EndedJob, state: PoolState | None) -> bool:
    """Say whether an ended job is to be taken out of the pool; others are about to leave it by themselves."""
    if state is None or state in OUT_OF_POOL | {PoolState.UNSEEN}:
        return False
    # One that is held would stay for good: it was told to end for that, and had a last word. We may have died before
    # we took out what we ended, and a wrapper may hang.
    return state is PoolState.HELD or job.state in ENDED_BY_US or job.ended_seconds > LINGERING_SECONDS

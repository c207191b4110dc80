"""The job watch: jobs that went silent or left the pool give their files back, and their logs are kept."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from engine import black_holes
from engine.ports import PoolJob, PoolState
from engine.runtime import Runtime
from justin.states import JobState
from models import calls, leases, reports, results, watching
from models.moves import Reason
from models.watching import EndedJob, LiveJob

LOG = logging.getLogger(__name__)

ACTOR: Final = "job_watch"
WRAPPER_LOG: Final = "wrapper"
POOL_LOG: Final = "pool"
OUT_OF_POOL: Final = frozenset({PoolState.COMPLETED, PoolState.REMOVED})
ENDED_BY_US: Final = frozenset({JobState.REMOVED, JobState.STALLED})


@dataclass(frozen=True, slots=True)
class Watched:
    """What a cycle of the job watch found."""

    silent: int = 0
    """Without a heartbeat for too long."""
    gone: int = 0
    """From the pool, or held there."""
    logs: int = 0
    """Kept."""
    avoided: tuple[str, ...] = ()
    """Nodes that fail job after job and get no work for a while."""

    def __bool__(self) -> bool:
        """Say whether anything was done."""
        return bool(self.silent or self.gone or self.logs or self.avoided)


def watch_jobs(runtime: Runtime) -> Watched:
    """End the jobs that are not there any more, and keep the logs of ended ones.

    Raises `Unavailable` when the pool does not answer: nothing is concluded from its silence.
    """
    avoided = tuple(f"{node.hostname} at {node.site}" for node in black_holes.avoid(runtime))
    silent = _end_silent(runtime)
    gone = sum(_end_gone(runtime, jobs) for jobs in _live_jobs(runtime))
    logs = _clear_pool(runtime)
    _forget_old(runtime)
    return Watched(silent, gone, logs, avoided)


def _end_silent(runtime: Runtime) -> int:
    limit = runtime.settings.watch.stalled_after_seconds
    with runtime.session() as session:
        stale = [job.job_id for job in watching.stale_jobs(session, limit)]
        because = Reason(ACTOR, f"No heartbeat came for {limit:.0f} seconds.")
        return len(results.end_jobs(session, stale, JobState.STALLED, because))


def _live_jobs(runtime: Runtime) -> Iterable[Sequence[LiveJob]]:
    after = 0
    while True:
        with runtime.session() as session:
            jobs = watching.live_jobs(session, after)
        if not jobs:
            return
        yield jobs
        after = jobs[-1].job_id


def _end_gone(runtime: Runtime, jobs: Sequence[LiveJob]) -> int:
    """End those of the jobs that the pool has ended, holds, or does not know."""
    known = runtime.pool.jobs([job.jobsub_id for job in jobs])
    patience = runtime.settings.watch.unknown_after_seconds
    why = {job: _why_gone(job, known.get(job.jobsub_id), patience) for job in jobs}
    ended = 0
    for job, reason in why.items():
        if reason:
            # A job that has reported its end meanwhile has ended already, and is left as it is.
            with runtime.session() as session:
                ended += len(results.end_jobs(session, [job.job_id], JobState.STALLED, Reason(ACTOR, reason)))
    return ended


def _why_gone(job: LiveJob, known: PoolJob | None, patience_seconds: float) -> str:
    if known is None:
        return "The pool does not know the job." if job.silent_seconds > patience_seconds else ""
    if known.state is PoolState.HELD:
        return f"The pool holds the job: {known.reason or 'it does not say why'}."
    if known.state in OUT_OF_POOL:
        how = f" with status {known.exit_status}" if known.exit_status is not None else ""
        return f"The job has ended in the pool ({known.state}{how}) without a last word. {known.reason}".strip()
    return ""


def _clear_pool(runtime: Runtime) -> int:
    """Keep the logs of ended jobs, let the pool forget them, and take out those that we have ended."""
    with runtime.session() as session:
        ended = watching.jobs_left_in_pool(session)
    known = runtime.pool.jobs([job.jobsub_id for job in ended])
    out = [job for job in ended if job.jobsub_id not in known or known[job.jobsub_id].state in OUT_OF_POOL]
    logs = _keep_logs(runtime, [job for job in out if job.jobsub_id in known])
    runtime.pool.forget([job.jobsub_id for job in out])
    with runtime.session() as session:
        watching.left_pool(session, [job.job_id for job in out])
    there = {job: known[job.jobsub_id].state for job in ended if job not in out}
    runtime.pool.remove([job.jobsub_id for job, state in there.items() if _must_go(job, state)])
    return logs


def _must_go(job: EndedJob, state: PoolState) -> bool:
    """Say whether an ended job is to be taken out of the pool; others are about to leave it by themselves."""
    # One that is held would stay for good: it was told to end for that, and had a last word.
    return state is PoolState.HELD or (state is not PoolState.UNSEEN and job.state in ENDED_BY_US)


def _keep_logs(runtime: Runtime, jobs: Sequence[EndedJob]) -> int:
    """Keep the logs of jobs and return how many had any."""
    found = runtime.pool.logs([job.jobsub_id for job in jobs]) if jobs else {}
    kept = [(job, found[job.jobsub_id]) for job in jobs if job.jobsub_id in found]
    for job, log in kept:
        with runtime.session() as session:
            for kind, text in ((WRAPPER_LOG, log.wrapper), (POOL_LOG, log.pool)):
                if text:
                    reports.save_log(session, job.job_id, kind, text)
    return sum(bool(log.wrapper or log.pool) for _, log in kept)


def _forget_old(runtime: Runtime) -> None:
    with runtime.session() as session:
        leases.clean(session)
        calls.forget_nonces(session, 2 * runtime.settings.allocator.signature_window_seconds)

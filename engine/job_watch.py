"""The job watch: jobs that went silent, left the pool, or never started are ended, and give their files back."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine import black_holes, pool_looks, pool_removals
from engine.chunks import chunks
from engine.pool_looks import OUT_OF_POOL, Look
from engine.pool_ports import PoolJob, PoolState
from engine.runtime import Runtime
from justin.states import JobState
from models import calls, leases, results, watching
from models.moves import Reason
from models.watching import LiveJob, WatchedJob

LOG = logging.getLogger(__name__)

ACTOR: Final = "job_watch"
HOUR_SECONDS: Final = 3600
MOST_ENDED_AT_ONCE: Final = 100
"""In one transaction, which locks their files."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a cycle of the job watch found."""

    silent: int = 0
    """Without a heartbeat for too long."""
    unstarted: int = 0
    """Queued for too long."""
    gone: int = 0
    """From the pool, or held there."""
    avoided: tuple[str, ...] = ()
    """Nodes that fail job after job and get no work for a while."""

    def __bool__(self) -> bool:
        """Say whether anything was done."""
        return bool(self.silent or self.unstarted or self.gone or self.avoided)


@dataclass(frozen=True, slots=True)
class _End:
    """Why jobs end: those for which it is the same are ended together."""

    message: str
    details: tuple[tuple[str, Any], ...] = ()
    is_there: bool = False
    """Whether the pool has the job still."""

    @property
    def reason(self) -> Reason:
        return Reason(ACTOR, self.message, dict(self.details))


def watch_jobs(runtime: Runtime) -> Watched:
    """End the jobs that are not there any more, or never came to be.

    Raises `Unavailable` when the pool does not answer: nothing is concluded from its silence.
    """
    avoided = tuple(f"{node.hostname} at {node.site}" for node in black_holes.avoid(runtime))
    silent = _end_silent(runtime)
    gone = sum(_end_gone(runtime, look) for look in pool_looks.looks(runtime))
    unstarted = sum(_remove_unstarted(runtime, jobs) for jobs in _overdue_jobs(runtime))
    _forget_old(runtime)
    return Watched(len(silent), unstarted, gone, avoided)


def _end_silent(runtime: Runtime) -> list[int]:
    limit = runtime.settings.watch.stalled_after_seconds
    with runtime.session() as session:
        stale = watching.stale_jobs(session, limit)
    end = _End(f"No heartbeat came for {limit:.0f} seconds.", is_there=True)
    return _ended(runtime, {end: stale})


def _end_gone(runtime: Runtime, look: Look) -> int:
    """End those of the jobs that the pool has ended, holds, or does not know."""
    ends: dict[_End, list[WatchedJob]] = defaultdict(list)
    for job in look.jobs:
        known = look.known.get(job.jobsub_id)
        end = _why_gone(known) if known else _why_unknown(runtime, look, job)
        if end:
            ends[end].append(WatchedJob(job.job_id, job.jobsub_id))
    return len(_ended(runtime, ends))


def _why_unknown(runtime: Runtime, look: Look, job: LiveJob) -> _End | None:
    too_long = job.silent_seconds > runtime.settings.watch.unknown_after_seconds
    return _End("The pool does not know the job.") if look.is_full and too_long else None


def _why_gone(known: PoolJob) -> _End | None:
    if known.state is PoolState.HELD:
        code = f" (code {known.details['hold_code']})" if "hold_code" in known.details else ""
        why = known.reason or "it does not say why"
        return _End(f"The pool holds the job{code}: {why.rstrip('.')}.", _details(known), is_there=True)
    if known.state in OUT_OF_POOL:
        how = f" with status {known.exit_status}" if known.exit_status is not None else ""
        said = f"The job has ended in the pool ({known.state}{how}) without a last word. {known.reason}"
        return _End(said.strip(), _details(known))
    return None


def _details(known: PoolJob) -> tuple[tuple[str, Any], ...]:
    found = {"pool_state": known.state.value, **known.details, "pool_reason": known.reason}
    return tuple((name, value) for name, value in found.items() if value != "")


def _ended(runtime: Runtime, ends: Mapping[_End, Sequence[WatchedJob]]) -> list[int]:
    """End jobs as stalled and take them out of the pool; those that have reported their end meanwhile are left."""
    ended: list[int] = []
    for end, jobs in ends.items():
        for batch in chunks(jobs, MOST_ENDED_AT_ONCE):
            with runtime.session() as session:
                job_ids = [job.job_id for job in batch]
                ended += results.end_jobs(session, job_ids, JobState.STALLED, end.reason)
    _take_out(runtime, [job for end, jobs in ends.items() if end.is_there for job in jobs], ended)
    return ended


def _overdue_jobs(runtime: Runtime) -> Iterable[Sequence[WatchedJob]]:
    after = 0
    while True:
        with runtime.session() as session:
            jobs = watching.unstarted_jobs(session, runtime.settings.watch.unstarted_after_seconds, after)
        if not jobs:
            return
        yield jobs
        after = jobs[-1].job_id


def _remove_unstarted(runtime: Runtime, jobs: Sequence[WatchedJob]) -> int:
    """Take jobs out that no slot took in all that time, and write down what the pool says of it."""
    known = runtime.pool.jobs([job.jobsub_id for job in jobs])
    ends: dict[_End, list[WatchedJob]] = defaultdict(list)
    for job in jobs:
        found = known.get(job.jobsub_id)
        if found and found.state is PoolState.IDLE:
            ends[_why_unstarted(runtime, found)].append(job)
    removed: list[int] = []
    for end, unstarted in ends.items():
        for batch in chunks(unstarted, MOST_ENDED_AT_ONCE):
            with runtime.session() as session:
                removed += results.remove_queued(session, [job.job_id for job in batch], end.reason)
    _take_out(runtime, jobs, removed)
    return len(removed)


def _why_unstarted(runtime: Runtime, known: PoolJob) -> _End:
    hours = runtime.settings.watch.unstarted_after_seconds / HOUR_SECONDS
    said = f" The pool says: {known.reason.rstrip('.')}." if known.reason else ""
    return _End(f"No slot took the job in {hours:.4g} hours.{said}", _details(known))


def _take_out(runtime: Runtime, jobs: Sequence[WatchedJob], job_ids: Sequence[int]) -> None:
    """Take those that we have ended out of the pool; if we die before this, `engine.job_logs` does it."""
    ended = set(job_ids)
    pool_removals.take_out(runtime, [job.jobsub_id for job in jobs if job.job_id in ended])


def _forget_old(runtime: Runtime) -> None:
    with runtime.session() as session:
        leases.clean(session)
        calls.forget_nonces(session, 2 * runtime.settings.allocator.signature_window_seconds)

"""Looks at the pool: what it says of jobs that have not ended, the changed ones often and all of them now and then."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.pool_ports import PoolJob, PoolState
from engine.runtime import Runtime
from models import watching
from models.watching import LiveJob

LOG = logging.getLogger(__name__)

OUT_OF_POOL: Final = frozenset({PoolState.COMPLETED, PoolState.REMOVED})


@dataclass(frozen=True, slots=True)
class Look:
    """Jobs that have not ended, and what the pool says of them."""

    jobs: Sequence[LiveJob]
    known: Mapping[str, PoolJob]
    is_full: bool
    """Whether the pool was asked for these jobs, and so does not know those of which it says nothing."""


def looks(runtime: Runtime) -> Iterator[Look]:
    """Yield what the pool says has changed, and what it says of all jobs where that is due.

    It counts as used only when more is asked for: what becomes of one who dies before is seen again. Raises
    `Unavailable` when the pool does not answer; a schedd that does not is left for the next time.
    """
    with runtime.session() as session:
        schedds = watching.live_schedds(session, runtime.settings.watch.full_look_seconds)
    if not schedds:
        return
    changes = runtime.pool.changes({each.schedd: each.mark_seconds for each in schedds})
    for silent in {each.schedd for each in schedds} - changes.keys():
        LOG.warning("the pool's part %s does not answer: nothing is known of its jobs", silent)
    changed = {name: job for found in changes.values() for name, job in found.jobs.items()}
    if changed:
        with runtime.session() as session:
            jobs = watching.named_jobs(session, list(changed))
        yield Look(jobs, changed, is_full=False)
    looked = {each.schedd for each in schedds if each.is_due and each.schedd in changes}
    for page in _pages(runtime, sorted(looked)):
        known = runtime.pool.jobs([job.jobsub_id for job in page])
        yield Look(page, known, is_full=True)
        looked -= {_schedd(name) for name, job in known.items() if job.state is PoolState.UNSEEN}
    with runtime.session() as session:
        for schedd, found in changes.items():
            watching.put_mark(session, schedd, found.mark_seconds, looked=schedd in looked)


def _pages(runtime: Runtime, schedds: Sequence[str]) -> Iterator[Sequence[LiveJob]]:
    after = 0
    while schedds:
        with runtime.session() as session:
            jobs = watching.live_jobs(session, schedds, after)
        if not jobs:
            return
        yield jobs
        after = jobs[-1].job_id


def _schedd(jobsub_id: str) -> str:
    return jobsub_id.partition("@")[2]

"""What is asked of one of HTCondor's schedds about jobs in its queue, and told it of them."""

import time
from collections.abc import Sequence
from typing import Final

from engine.adapters import condor_jobs
from engine.adapters.condor_jobs import JobName, named
from engine.adapters.condor_process import CondorProcess
from engine.pool_ports import PoolChanges, PoolJob, PoolState

REMOVED_BY_US: Final = "removed by justIN"
HISTORY_SECONDS: Final = 86_400
OVERLAP_SECONDS: Final = 60.0
"""How far looks for changes reach back: a change may become visible later than the time that it carries."""
OVER: Final = frozenset({PoolState.COMPLETED, PoolState.REMOVED})


def known(condor: CondorProcess, schedd: str, jobs: Sequence[JobName]) -> dict[str, PoolJob]:
    """Return what a schedd knows of jobs, those included that have left its queue not long ago."""
    found = queued(condor, schedd, jobs)
    gone = [job.pair for job in jobs if job.jobsub_id not in found]
    if gone:
        told = {"jobs": gone, "after": int(time.time()) - HISTORY_SECONDS}
        left = condor.call(named(schedd), "history", schedd=schedd, **told)
        found |= {job.jobsub_id: job for job in (condor_jobs.read(ad, schedd) for ad in left)}
    return found


def queued(condor: CondorProcess, schedd: str, jobs: Sequence[JobName]) -> dict[str, PoolJob]:
    """Return what a schedd's queue has of jobs."""
    clusters = sorted({job.cluster for job in jobs})
    asked = {job.jobsub_id for job in jobs}
    ads = condor.call(named(schedd), "query", schedd=schedd, clusters=clusters)
    found = (condor_jobs.read(ad, schedd) for ad in ads)
    return {job.jobsub_id: job for job in found if job.jobsub_id in asked}


def over(condor: CondorProcess, schedd: str, jobs: Sequence[JobName]) -> list[JobName]:
    """Return those of a schedd's jobs that its queue still has and that are over."""
    found = queued(condor, schedd, jobs)
    return [job for job in jobs if job.jobsub_id in found and found[job.jobsub_id].state in OVER]


def changes(condor: CondorProcess, schedd: str, mark_seconds: float | None) -> PoolChanges:
    """Return what a schedd's queue has of our jobs that ended or were held since a mark, and the next mark."""
    # Before the look, so that what changes meanwhile is seen by the next one.
    clock = float(condor.call(named(schedd), "clock", schedd=schedd))
    mark = clock - OVERLAP_SECONDS
    if mark_seconds is None:
        return PoolChanges({}, mark)
    # A clock that was set back must not hide what it stamps now.
    since = int(min(mark_seconds, mark))
    ads = condor.call(named(schedd), "changed", schedd=schedd, since=since)
    found = (condor_jobs.read(ad, schedd) for ad in ads)
    return PoolChanges({job.jobsub_id: job for job in found}, mark)


def remove(condor: CondorProcess, schedd: str, jobs: Sequence[JobName]) -> None:
    """Take jobs out of a schedd's queue."""
    keys = [job.key for job in jobs]
    condor.call(named(schedd), "remove", schedd=schedd, jobs=keys, reason=REMOVED_BY_US)


def forget(condor: CondorProcess, schedd: str, jobs: Sequence[JobName]) -> None:
    """Let a schedd drop those of the jobs that are over, with all that it keeps of them."""
    keys = [job.key for job in over(condor, schedd, jobs)]
    if keys:
        told = {"jobs": keys, "attribute": "LeaveJobInQueue", "value": "false"}
        condor.call(named(schedd), "edit", schedd=schedd, **told)

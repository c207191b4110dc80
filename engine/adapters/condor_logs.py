"""The logs of ended jobs, many of a schedd in one go: what they printed, and all that it noted and knows of them."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from engine.adapters import condor_following, submit
from engine.adapters.condor_jobs import JobName, named
from engine.adapters.condor_process import CondorProcess
from engine.pool_ports import PoolLog

LONGEST_LOG_BYTES: Final = 2 << 20
"""Of each: what the jobscript prints is not among them."""


def fetch(condor: CondorProcess, schedd: str, jobs: Sequence[JobName]) -> dict[str, PoolLog]:
    """Return the logs of those of a schedd's jobs that are over and in its queue; at best, not too many at once."""
    there = condor_following.over(condor, schedd, jobs)
    if not there:
        return {}
    with tempfile.TemporaryDirectory(prefix="justin-logs-") as directory:
        asked = {"schedd": schedd, "jobs": [job.key for job in there]}
        failed = condor.call(named(schedd), "retrieve", directory=directory, **asked)
        pairs = [job.pair for job in there]
        said = condor.call(named(schedd), "describe", schedd=schedd, jobs=pairs)
        return {job.jobsub_id: _log(Path(directory), job, failed, said) for job in there}


def _log(directory: Path, job: JobName, failed: Mapping[str, Any], said: Mapping[str, Any]) -> PoolLog:
    place = directory / job.key
    return PoolLog(
        wrapper=tail(place / submit.OUTPUT),
        stderr=tail(place / submit.ERROR),
        pool="\n".join(filter(None, (tail(place / submit.LOG), said.get(job.key, "")))),
        problem=failed.get(job.key, ""),
    )


def tail(path: Path) -> str:
    """Return the text of a file, and only the end of a very long one."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LONGEST_LOG_BYTES))
        return file.read().decode(errors="replace")

"""How the jobscripts of workflows end, and what they wrote."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from justin.states import JobState
from models.database import Session
from models.statements import load

_JOBSCRIPT_ENDS = load("jobscript_ends")
_JOBSCRIPT_LOGS = load("jobscript_logs")

NEWEST = 50
"""How many jobs of each end are named."""


@dataclass(frozen=True, slots=True)
class JobscriptEnd:
    """How many jobscripts of a workflow ended in the same way since it last (re)started."""

    workflow_id: int
    state: JobState
    jobs: int
    all_jobs: int
    """Whose jobscripts ended since, in whatever way."""
    job_ids: list[int]
    """Of the newest ones, newest first."""
    jobsub_ids: list[str]


def jobscript_ends(session: Session) -> list[JobscriptEnd]:
    """Count, for each running workflow, how its jobscripts ended since it last (re)started; the commonest end first."""
    rows = _JOBSCRIPT_ENDS.run(session, newest=NEWEST)
    return [JobscriptEnd(workflow_id, JobState(state), *rest) for workflow_id, state, *rest in rows]


def jobscript_logs(session: Session, job_ids: Sequence[int]) -> list[str]:
    """Return what the jobscripts of these jobs wrote, as far as it is kept."""
    rows = _JOBSCRIPT_LOGS.run(session, job_ids=list(job_ids))
    return [zlib.decompress(content).decode(errors="replace") for (content,) in rows]

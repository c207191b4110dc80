"""What is going on, at a glance: counts over time and by site, and what needs somebody to look at it."""

from datetime import datetime
from typing import Final

from justin.schemas.views import View
from justin.states import JobState, WorkflowState
from models.database import Session
from models.statements import load

_LIVE_JOB_COUNTS = load("live_job_counts")
_ENDED_JOBS = load("ended_jobs")
_OUTCOMES_AT_SITES = load("outcomes_at_sites")
_FAILURES = load("failures")
_TROUBLED_WORKFLOWS = load("troubled_workflows")

WELL: Final = frozenset({JobState.FINISHED, JobState.NOTUSED})
"""Ends of jobs that are nobody's trouble."""
TROUBLE_SECONDS: Final = 7 * 86_400.0
"""For how long a failed workflow is shown as trouble."""
MOST: Final = 50


class EndedJobs(View):
    """Jobs that ended in the same way in the same hour."""

    hour: datetime
    state: JobState
    jobs: int


class SiteOutcome(View):
    """Jobs that ended in the same way at the same site."""

    site: str
    state: JobState
    jobs: int
    real_seconds: float
    cpu_seconds: float


class Failure(View):
    """Jobs of a workflow that failed in the same way."""

    state: JobState
    message: str
    jobscript_exit: int | None
    jobs: int
    last_at: datetime
    jobsub_id: str
    """The newest of them."""


class Trouble(View):
    """A workflow that somebody has to look at."""

    workflow_id: int
    name: str
    user: str
    state: WorkflowState
    message: str
    at: datetime


def states_of_jobs(session: Session) -> dict[JobState, int]:
    """Count the jobs that are queued or running."""
    return {JobState(state): jobs for state, jobs in _LIVE_JOB_COUNTS.run(session)}


def ended_jobs(session: Session, seconds: float, workflow_id: int | None = None) -> list[EndedJobs]:
    """Count the jobs, of a workflow or of all, that ended in the last so many seconds, by hour and state."""
    return _ENDED_JOBS.read(session, EndedJobs, seconds=seconds, workflow_id=workflow_id)


def outcomes_at_sites(session: Session, seconds: float, workflow_id: int | None = None) -> list[SiteOutcome]:
    """Count the jobs, of a workflow or of all, that ended in the last so many seconds, by site and state."""
    return _OUTCOMES_AT_SITES.read(session, SiteOutcome, seconds=seconds, workflow_id=workflow_id)


def failures(session: Session, workflow_id: int) -> list[Failure]:
    """List the ways in which jobs of a workflow failed, the most frequent first."""
    well = [state.value for state in WELL]
    return _FAILURES.read(session, Failure, workflow_id=workflow_id, well=well, limit=MOST)


def troubled_workflows(session: Session) -> list[Trouble]:
    """List the workflows that the system paused, or that failed in the last days, the newest first."""
    return _TROUBLED_WORKFLOWS.read(session, Trouble, seconds=TROUBLE_SECONDS, limit=MOST)

"""What the job factory must know: how many jobs each stage could use, where, and which it has already."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from models.database import Session
from models.statements import load

_STAGE_DEMAND = load("stage_demand")
_INSERT_JOBS = load("insert_jobs")


@dataclass(frozen=True, slots=True)
class StageDemand:
    """What a running stage needs of jobs."""

    stage_id: int
    workflow_id: int
    stage_number: int
    waiting_files: int
    """Counted up to the number asked for."""
    queued_jobs: int
    running_jobs: int
    unasked_jobs: int
    """Those of the running ones that have not asked for a file yet."""
    max_jobs: int | None
    max_files_per_job: int
    processors: int
    rss_bytes: int
    wall_seconds: int
    gpus: int
    image: str
    classads: dict[str, Any] | None
    quota_id: int
    accounting_group: str
    quota_max_jobs: int
    quota_jobs: int
    """Running and queued, of all stages."""
    sites: list[str]
    """Enabled ones within reach of waiting files, by name."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that is about to enter the pool."""

    jobsub_id: str
    secret: str = field(repr=False)
    jobscript_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class JobClass:
    """What jobs of one submission have in common."""

    quota_id: int | None
    hint_stage_id: int | None
    processors: int
    rss_bytes: int
    wall_seconds: int
    gpus: int = 0


def stage_demands(session: Session, most_files: int, files_per_job: float = 1.0) -> list[StageDemand]:
    """List the stages that have fewer jobs than waiting files within reach of an enabled site ask for, by priority.

    Files are counted up to `most_files` for each.
    """
    rows = _STAGE_DEMAND.run(session, most_files=most_files, files_per_job=files_per_job)
    return [StageDemand(*row) for row in rows]


def insert_jobs(session: Session, jobs: Sequence[NewJob], of: JobClass, actor: str) -> None:
    """Keep jobs that are about to enter the pool."""
    _INSERT_JOBS.run(
        session,
        jobsub_ids=[job.jobsub_id for job in jobs],
        secrets=[job.secret for job in jobs],
        jobscript_secrets=[job.jobscript_secret for job in jobs],
        quota_id=of.quota_id,
        hint_stage_id=of.hint_stage_id,
        processors=of.processors,
        rss_bytes=of.rss_bytes,
        wall_seconds=of.wall_seconds,
        gpus=of.gpus,
        actor=actor,
    )

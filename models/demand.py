"""What the job factory must know: how many jobs each stage could use, where, and which it has; and what it decided."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from justin.states import FactoryLimit
from models import filters
from models.database import Session
from models.statements import jsonb, load

_PLACED = filters.all_met(filters.PLACED)
_STORED = filters.all_met(filters.STORED)
_STAGE_DEMAND = load("stage_demand", placed=_PLACED, stored=_STORED, entry_fits=filters.ENTRY_FITS)
_STAGE_PLACES = load("stage_places", placed=_PLACED, stored=_STORED, entry_fits=filters.ENTRY_FITS)
_PUT_DECISIONS = load("put_factory_decisions")
_FORGET_DECISIONS = load("forget_factory_decisions")
_INSERT_JOBS = load("insert_jobs")


@dataclass(frozen=True, slots=True)
class StageDemand:
    """What a running stage needs of jobs, and has of them."""

    stage_id: int
    workflow_id: int
    stage_number: int
    waiting_files: int
    """Within reach of sites that fit, counted as far as they could matter."""
    files_wait: bool
    """Whether any does, within reach or not."""
    queued_jobs: int
    oldest_queued_seconds: float | None
    """None when none is queued."""
    last_start_seconds: float | None
    """How long ago a job that was meant for the stage started; None when none ever did."""
    running_jobs: int
    unasked_jobs: int
    """Those of the running ones that have not asked for a file yet."""
    ended_jobs: int
    """Of the last ones since the workflow last (re)started, those that ended by what their jobscript or node did."""
    good_jobs: int
    """Those of them that ended well."""
    fruitful_jobs: int
    """Those of the good ones that processed files."""
    processed_files: int
    """By these."""
    max_jobs: int | None
    max_files_per_job: int
    processors: int
    rss_bytes: int
    wall_seconds: int
    gpus: int
    gpu_memory_bytes: int
    """0 when nothing is asked, as the next three."""
    gpu_min_capability: float
    gpu_max_capability: float
    gpu_min_runtime: float
    gpu_model: str
    image: str
    classads: dict[str, Any] | None
    quota_id: int
    accounting_group: str
    quota_max_jobs: int
    quota_jobs: int
    """Running and queued, of all stages."""
    all_queued_jobs: int
    """In the whole pool."""
    queued_sites: list[str]
    """Where the stage's queued jobs may run, as far as it is known."""
    queued_entries: list[str]


@dataclass(frozen=True, slots=True)
class Place:
    """A site where jobs of a stage could run near waiting files."""

    site: str
    entries: tuple[str, ...] | None
    """Those that fit, by name; None when nothing is known of the site's entries, and then any may do."""


@dataclass(frozen=True, slots=True)
class StageDecision:
    """What the job factory decided for a stage; see `models.factory.FactoryDecision`."""

    stage_id: int
    waiting_files: int
    queued_jobs: int
    running_jobs: int
    files_per_job: float
    success_rate: float
    wanted_jobs: int
    submitted_jobs: int
    limited_by: FactoryLimit
    sentence: str
    sites: Sequence[str]
    entries: Sequence[str]


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


def stage_demands(
    session: Session, most_idle: int, files_per_job: float = 1.0, recent_jobs: int = 50
) -> list[StageDemand]:
    """List the running stages by priority, with what they need of jobs and have of them.

    Waiting files are counted as far as `most_idle` more jobs could take them; `files_per_job` is what a job takes
    where none was seen. Of the jobs that ended, the last `recent_jobs` are looked at.
    """
    rows = _STAGE_DEMAND.run(session, most_idle=most_idle, files_per_job=files_per_job, recent_jobs=recent_jobs)
    return [StageDemand(*row) for row in rows]


def stage_places(session: Session, stage_ids: Sequence[int]) -> dict[int, list[Place]]:
    """Return where jobs of the stages could run near their waiting files; nothing for a stage that fits nowhere."""
    places: dict[int, list[Place]] = {}
    for stage_id, site, entries in _STAGE_PLACES.run(session, stage_ids=list(stage_ids)):
        places.setdefault(stage_id, []).append(Place(site, None if entries is None else tuple(entries)))
    return places


def put_decisions(session: Session, decisions: Sequence[StageDecision]) -> None:
    """Keep what was decided for stages, over what was decided before."""
    _PUT_DECISIONS.run(session, decisions=jsonb([asdict(decision) for decision in decisions]))


def forget_decisions(session: Session, but: Sequence[int]) -> None:
    """Drop what was decided for other stages; in a transaction of its own, for another cycle may be writing them."""
    _FORGET_DECISIONS.run(session, stage_ids=list(but))


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

"""What keeps a stage's files from jobs: the conditions that are not met, what waits where, and what the pool says."""

from dataclasses import dataclass

from justin.schemas.explanations import FactoryView
from justin.states import JobState
from models import filters
from models.database import Session
from models.statements import load

_WHY_NOT = load("why_not", unmet=filters.all_unmet(filters.ALL))
_WAITING_BY_PLACEMENT = load("waiting_by_placement")
_JOBS_OF_STAGE = load("jobs_of_stage")
_FACTORY_DECISION = load("factory_decision")

LATELY_SECONDS = 86_400.0
"""How far back jobs count that ended without a start."""
MOST_ENDS = 5


@dataclass(frozen=True, slots=True)
class Pair:
    """A site, and a storage with waiting files."""

    site: str
    storage_id: int
    rse: str
    distance: int | None
    """None when it is not known: then it is out of reach."""
    unmet: list[str]
    """The names of the filters that are not met, in their order; empty when jobs there may have the files."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Waiting files that lie at the same storages."""

    storage_ids: list[int]
    files: int


@dataclass(frozen=True, slots=True)
class StageJobs:
    """Jobs that were meant for a stage and have not started: queued ones, or those that ended so."""

    state: JobState
    message: str
    jobs: int
    seconds: float
    """Since the oldest was queued, or since the last ended."""


def pairs(session: Session, stage_id: int, site: str | None = None) -> list[Pair]:
    """List each site, or one, with each storage that holds waiting files of the stage."""
    return [Pair(*row) for row in _WHY_NOT.run(session, stage_id=stage_id, site=site)]


def waiting(session: Session, stage_id: int, did: str | None = None) -> list[Waiting]:
    """Count the stage's waiting files, or one, by the storages where they lie."""
    return [Waiting(*row) for row in _WAITING_BY_PLACEMENT.run(session, stage_id=stage_id, did=did)]


def stage_jobs(session: Session, stage_id: int) -> list[StageJobs]:
    """Count the stage's queued jobs, and those of the last day that ended without a start, by how."""
    rows = _JOBS_OF_STAGE.run(session, stage_id=stage_id, seconds=LATELY_SECONDS, limit=MOST_ENDS)
    return [StageJobs(JobState(state), message, jobs, seconds) for state, message, jobs, seconds in rows]


def factory_decision(session: Session, stage_id: int) -> FactoryView | None:
    """Return what the job factory decided for the stage when it last looked at it."""
    return next(iter(_FACTORY_DECISION.read(session, FactoryView, stage_id=stage_id)), None)

"""What a job that has its stage is to do."""

from dataclasses import dataclass, field

from models.database import Session
from models.statements import load

_JOBSCRIPT = load("jobscript")


@dataclass(frozen=True, slots=True)
class Work:
    """A job's work; `stage_number` is the stage's number in its workflow."""

    jobsub_id: str
    workflow_id: int
    stage_number: int
    scope: str
    mql: str
    site: str
    user: str
    jobscript: str = field(repr=False)
    image: str
    jobscript_secret: str = field(repr=False)
    processors: int
    rss_bytes: int
    wall_seconds: int
    gpus: int
    environment: list[tuple[str, str]]
    patterns: list[tuple[int, str, bool]]
    """Of outputs: identifier, pattern, and whether they are for the next stage."""
    repositories: list[tuple[str, str, str]]
    """Organisation, name, and where its files are to be seen."""


def work_of(session: Session, job_id: int) -> Work:
    """Return the work of a job that was bound to a stage."""
    return Work(*_JOBSCRIPT.one(session, job_id=job_id))

"""What jobs tell about themselves, and what is to be known when they do."""

import zlib
from dataclasses import dataclass
from datetime import datetime

from justin.schemas.jobs import RecordResults
from justin.states import FileState, WorkflowState
from models.database import Session
from models.statements import load

_HEARTBEAT = load("heartbeat")
_NOTE_REFUSAL = load("note_refusal")
_SAVE_LOG = load("save_log")
_NOTE_LOG = load("note_log")
_GIVEN_FILES = load("given_files")
_STORE_REPORT = load("store_report")
_REPORTING_JOB = load("reporting_job")
_STAGE_PATTERNS = load("stage_patterns")
_NOTE_IMAGE = load("note_image")

JOBSCRIPT_LOG = "jobscript"
WRAPPER_LOG = "wrapper"
STDERR_LOG = "stderr"
POOL_LOG = "pool"


@dataclass(frozen=True, slots=True)
class GivenFile:
    """An input that a job was given."""

    file_id: int
    did: str
    state: FileState
    pfns: tuple[str, ...]
    """Every address at every storage, from near and from far."""


@dataclass(frozen=True, slots=True)
class StagePattern:
    """A kind of output of a stage."""

    output_id: int
    pattern_id: int
    pattern: str
    destination: str
    next_stage_id: int | None
    """The stage that takes such files; None for those that stay outputs."""


@dataclass(frozen=True, slots=True)
class ReportingJob:
    """The surroundings of a job that reports its results."""

    jobsub_id: str
    site: str
    site_id: int
    workflow_id: int
    stage_id: int
    stage_number: int
    scope: str
    user: str
    hostname: str
    cpuinfo: str
    os_release: str
    image_digest: str
    """Of the stage's image, as the first of its jobs told."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """How an output was made: the job, and what its jobscript took."""

    job: ReportingJob
    jobscript_start: datetime
    jobscript_finish: datetime
    real_seconds: float
    cpu_seconds: float
    max_rss_bytes: int
    image_digest: str


def heartbeat(session: Session, job_id: int) -> WorkflowState | None:
    """Note that the job lives; return its workflow's state, None for a job without work."""
    (state,) = _HEARTBEAT.one(session, job_id=job_id)
    return WorkflowState(state) if state else None


def note_refusal(session: Session, job_id: int) -> None:
    """Note that the system kept a file from the job that it asked for."""
    _NOTE_REFUSAL.run(session, job_id=job_id)


def save_log(session: Session, job_id: int, kind: str, text: str) -> None:
    """Keep a log, over an earlier state of it; an empty one leaves what is there."""
    if text:
        _SAVE_LOG.run(session, job_id=job_id, kind=kind, **_packed(text))


def note_log(session: Session, job_id: int, kind: str, text: str) -> None:
    """Keep a log unless one of its kind is kept already."""
    _NOTE_LOG.run(session, job_id=job_id, kind=kind, **_packed(text))


def _packed(text: str) -> dict[str, object]:
    raw = text.encode(errors="replace")
    return {"content": zlib.compress(raw), "size_bytes": len(raw)}


def given_files(session: Session, job_id: int, stage_id: int) -> list[GivenFile]:
    """List the inputs that the job holds."""
    rows = _GIVEN_FILES.run(session, job_id=job_id, stage_id=stage_id)
    return [GivenFile(file_id, did, FileState(state), tuple(pfns)) for file_id, did, state, pfns in rows]


def store_report(session: Session, job_id: int, report: RecordResults, processed_files: int) -> None:
    """Keep what the jobscript took, how it ended, and how many files it processed; the log apart."""
    fields = {"jobscript_exit", "jobscript_start", "jobscript_finish", "real_seconds", "cpu_seconds", "max_rss_bytes"}
    _STORE_REPORT.run(session, job_id=job_id, processed_files=processed_files, **report.model_dump(include=fields))


def reporting_job(session: Session, job_id: int) -> ReportingJob:
    """Return the surroundings of a job that has work."""
    return ReportingJob(*_REPORTING_JOB.one(session, job_id=job_id))


def note_image(session: Session, stage_id: int, digest: str) -> None:
    """Keep which image a stage's jobs run in, unless it is known; its name alone does not tell."""
    _NOTE_IMAGE.run(session, stage_id=stage_id, digest=digest)


def stage_patterns(session: Session, stage_id: int) -> list[StagePattern]:
    """List the stage's kinds of output."""
    return [StagePattern(*row) for row in _STAGE_PATTERNS.run(session, stage_id=stage_id)]

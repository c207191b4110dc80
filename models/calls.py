"""The job that makes a call, and the nonces of calls."""

from dataclasses import dataclass, field

from justin.states import JobState
from models.database import Session
from models.statements import Row, load

_OPEN_CALL = load("open_call", lock="FOR NO KEY UPDATE")
_NOTE_CALL = load("open_call", lock="")
_SECRETS = load("secrets")
_REMEMBER_NONCE = load("remember_nonce")
_FORGET_NONCES = load("forget_nonces")


@dataclass(frozen=True, slots=True)
class CallingJob:
    """A job as it was when its call began; its row is locked."""

    job_id: int
    jobsub_id: str
    state: JobState
    state_message: str
    secret: str = field(repr=False)
    jobscript_secret: str = field(repr=False)
    nonce_is_new: bool
    workflow_id: int | None
    stage_id: int | None
    site_id: int | None
    quota_id: int | None
    asked_for_files: bool
    jobscript_exit: int | None
    is_probe: bool


def open_call(session: Session, jobsub_id: str, nonce: str | None = None) -> CallingJob | None:
    """Lock the job, remember the nonce if there is one, and return what is known; None for an unknown job."""
    return _job(_OPEN_CALL.run(session, jobsub_id=jobsub_id, nonce=nonce))


def note_call(session: Session, jobsub_id: str, nonce: str) -> CallingJob | None:
    """Do as `open_call` without the lock: what is returned may have changed when it is looked at."""
    return _job(_NOTE_CALL.run(session, jobsub_id=jobsub_id, nonce=nonce))


def secrets(session: Session, jobsub_id: str) -> tuple[str, str] | None:
    """Return the job's secret and its jobscript's, which never change; None for an unknown job."""
    rows = _SECRETS.run(session, jobsub_id=jobsub_id)
    return (rows[0][0], rows[0][1]) if rows else None


def remember_nonce(session: Session, nonce: str) -> None:
    """Remember the nonce of a call that is refused for other reasons."""
    _REMEMBER_NONCE.run(session, nonce=nonce)


def forget_nonces(session: Session, seconds: float) -> None:
    """Forget the nonces that were seen so long ago or before."""
    _FORGET_NONCES.run(session, seconds=float(seconds))


def _job(rows: list[Row]) -> CallingJob | None:
    if not rows:
        return None
    job_id, jobsub_id, state, *rest = rows[0]
    return CallingJob(job_id, jobsub_id, JobState(state), *rest)

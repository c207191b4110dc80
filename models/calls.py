"""The job that makes a call, and the nonces of calls."""

from dataclasses import dataclass, field

from justin.states import JobState
from models.database import Session
from models.statements import load

_OPEN_CALL = load("open_call")
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


def open_call(session: Session, jobsub_id: str, nonce: str | None = None) -> CallingJob | None:
    """Lock the job, remember the nonce if there is one, and return what is known; None for an unknown job."""
    rows = _OPEN_CALL.run(session, jobsub_id=jobsub_id, nonce=nonce)
    if not rows:
        return None
    job_id, found_id, state, *rest = rows[0]
    return CallingJob(job_id, found_id, JobState(state), *rest)


def remember_nonce(session: Session, nonce: str) -> None:
    """Remember the nonce of a call that is refused for other reasons."""
    _REMEMBER_NONCE.run(session, nonce=nonce)


def forget_nonces(session: Session, seconds: float) -> None:
    """Forget the nonces that were seen so long ago or before."""
    _FORGET_NONCES.run(session, seconds=float(seconds))

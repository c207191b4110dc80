"""The beginning of every call of a job: who calls, by which secret, and whether it still has anything to say."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from engine import signing
from engine.errors import EngineError, InvalidInput, JobEnded, SignatureInvalid
from engine.runtime import Runtime
from engine.signing import SignedRequest
from justin.schemas import sentences
from justin.states import TERMINAL_JOB_STATES, JobState
from models import calls
from models.calls import CallingJob
from models.database import Session

GIVEN_UP = frozenset({JobState.STALLED, JobState.REMOVED})
"""Ends that the job did not make itself: its files went to others."""

Message = TypeVar("Message", bound=BaseModel)

_NOBODY = "0" * 64


class Key(Enum):
    """Which of a job's two secrets opens a call."""

    JOB = "secret"
    JOBSCRIPT = "jobscript_secret"


@contextmanager
def opened(runtime: Runtime, request: SignedRequest, key: Key) -> Iterator[tuple[Session, CallingJob]]:
    """Begin a call in a transaction that commits at the end of the block; the job's row is locked in it.

    Raises `SignatureInvalid` for an unknown job too, so that nobody learns which jobs there are, and `JobEnded` when
    the server has given the job up. The nonce stays used when the call itself is refused.
    """
    recognised = False
    try:
        with runtime.session() as session:
            job = _recognise(session, runtime, request, key)
            recognised = True
            refuse_given_up(job)
            yield session, job
    except EngineError:
        if recognised:
            with runtime.session() as session:
                calls.remember_nonce(session, request.nonce)
        raise


@contextmanager
def opened_by_path(runtime: Runtime, jobsub_id: str, secret: str) -> Iterator[tuple[Session, CallingJob]]:
    """Begin a call that carries the jobscript's secret in its path, as SAM's clients do."""
    with runtime.session() as session:
        job = calls.open_call(session, jobsub_id) if signing.is_jobsub_id(jobsub_id) else None
        if not (signing.same(job.jobscript_secret if job else _NOBODY, secret) and job):
            raise SignatureInvalid
        refuse_given_up(job)
        yield session, job


def look_again(session: Session, job: CallingJob) -> CallingJob:
    """Lock the job of a call anew, in a later transaction than its first."""
    found = calls.open_call(session, job.jobsub_id)
    if found is None:
        raise JobEnded
    return found


def message(model: type[Message], request: SignedRequest) -> Message:
    """Read what the job says; raises `InvalidInput` that names the fields. To be called once the job is recognised."""
    try:
        return model.model_validate_json(request.body or b"{}")
    except ValidationError as error:
        raise InvalidInput("; ".join(str(item) for item in sentences.of(error, model))) from error


def refuse_given_up(job: CallingJob) -> None:
    """Raise `JobEnded` when the job was ended by others than itself."""
    if job.state in GIVEN_UP:
        raise JobEnded(f"The job is {job.state}: its files were given to others. {job.state_message}".strip())


def refuse_ended(job: CallingJob) -> None:
    """Raise `JobEnded` when the job is over, whoever ended it."""
    if job.state in TERMINAL_JOB_STATES:
        raise JobEnded(f"The job is {job.state}. {job.state_message}".strip())


def _recognise(session: Session, runtime: Runtime, request: SignedRequest, key: Key) -> CallingJob:
    signing.check_form(request)
    job = calls.open_call(session, request.jobsub_id, request.nonce)
    secret = getattr(job, key.value) if job else _NOBODY
    signing.verify(secret, request, time.time(), runtime.settings.allocator.signature_window_seconds)
    if job is None or not job.nonce_is_new:
        raise SignatureInvalid("The request was made before.") if job else SignatureInvalid
    return job

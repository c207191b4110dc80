"""The beginning of every call of a job: who calls, by which secret, and whether it still has anything to say."""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from engine import signing
from engine.errors import EngineError, InvalidInput, JobEnded, SignatureInvalid
from engine.runtime import Runtime
from engine.signing import SignedRequest
from justin.schemas import sentences
from justin.states import TERMINAL_JOB_STATES, JobState
from models import calls, database
from models.calls import CallingJob
from models.database import Session

GIVEN_UP = frozenset({JobState.STALLED, JobState.REMOVED})
"""Ends that the job did not make itself: its files went to others."""

Message = TypeVar("Message", bound=BaseModel)

_NOBODY = ("0" * 64, "0" * 64)


class Key(IntEnum):
    """Which of a job's two secrets opens a call."""

    JOB = 0
    JOBSCRIPT = 1


class Secrets:
    """The secrets of jobs that called lately, for they never change; shared by the threads of a process."""

    def __init__(self, size: int = 20_000) -> None:
        self._size = size
        self._known: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def of(self, session: Session, jobsub_id: str) -> tuple[str, str]:
        """Return the job's two secrets; a pair that opens nothing for an unknown job."""
        known = self._known.get(jobsub_id)
        return known or self._look_up(session, jobsub_id)

    def _look_up(self, session: Session, jobsub_id: str) -> tuple[str, str]:
        found = calls.secrets(session, jobsub_id)
        if found is None:
            return _NOBODY
        self._known[jobsub_id] = found
        if len(self._known) > self._size:
            self._known.popitem(last=False)
        return found


@contextmanager
def opened(runtime: Runtime, request: SignedRequest, key: Key) -> Iterator[tuple[Session, CallingJob]]:
    """Begin a call in a transaction that commits at the end of the block; the job's row is locked in it.

    Raises `SignatureInvalid` for an unknown job too, so that nobody learns which jobs there are, and `JobEnded` when
    the server has given the job up. The nonce stays used when the call itself is refused.
    """
    recognised = False
    try:
        with runtime.session() as session:
            signing.check_form(request)
            job = calls.open_call(session, request.jobsub_id, request.nonce)
            secrets = (job.secret, job.jobscript_secret) if job else _NOBODY
            _verify(runtime, request, secrets[key])
            job = _known(job)
            recognised = True
            refuse_given_up(job)
            yield session, job
    except EngineError:
        if recognised:
            with runtime.session() as session:
                calls.remember_nonce(session, request.nonce)
        raise


def noted(runtime: Runtime, secrets: Secrets, request: SignedRequest, key: Key) -> CallingJob:
    """Begin a call whose work is one statement that looks at the job itself; raises as `opened` does.

    The nonce is used up at once, and the job is not locked: the state returned may be over. A signature that is not
    the job's costs the database no more than one lookup.
    """
    signing.check_form(request)
    with database.single_statements(runtime.database) as session:
        secret = secrets.of(session, request.jobsub_id)[key]
        _verify(runtime, request, secret)
        job = _known(calls.note_call(session, request.jobsub_id, request.nonce))
    refuse_given_up(job)
    return job


@contextmanager
def opened_by_path(runtime: Runtime, jobsub_id: str, secret: str) -> Iterator[tuple[Session, CallingJob]]:
    """Begin a call that carries the jobscript's secret in its path, as SAM's clients do."""
    with runtime.session() as session:
        job = calls.open_call(session, jobsub_id) if signing.is_jobsub_id(jobsub_id) else None
        if not (signing.same(job.jobscript_secret if job else _NOBODY[0], secret) and job):
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


def _known(job: CallingJob | None) -> CallingJob:
    if job is None:
        raise SignatureInvalid
    if not job.nonce_is_new:
        raise SignatureInvalid("The request was made before.")
    return job


def _verify(runtime: Runtime, request: SignedRequest, secret: str) -> None:
    signing.verify(secret, request, time.time(), runtime.settings.allocator.signature_window_seconds)

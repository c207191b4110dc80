"""Outputs in scratch space: how many lie in each directory, and the tokens with which jobs write there."""

from dataclasses import dataclass, field
from datetime import datetime

from models.database import Session
from models.statements import load

_NUMBER = load("number_scratch")
_TOKEN = load("scratch_token")
_PUT_TOKEN = load("put_scratch_token")
_DROP_TOKEN = load("drop_scratch_token")
_WITHOUT_TOKEN = load("workflows_without_token")


@dataclass(frozen=True, slots=True)
class SealedToken:
    """A user's token as it is kept."""

    sealed: bytes = field(repr=False)
    expires_at: datetime
    set_at: datetime
    left_seconds: float
    """Until it expires, by the database's clock; less than 0 after that."""


def count_files(session: Session, output_id: int, files: int) -> int:
    """Count so many more files of a kind of output, and return how many were counted before; others wait meanwhile."""
    (before,) = _NUMBER.one(session, output_id=output_id, files=files)
    return int(before)


def token_of_user(session: Session, user_id: int) -> SealedToken | None:
    """Return the token of a user."""
    rows = _TOKEN.run(session, user_id=user_id, workflow_id=None)
    return SealedToken(*rows[0]) if rows else None


def token_of_workflow(session: Session, workflow_id: int) -> SealedToken | None:
    """Return the token of a workflow's owner."""
    rows = _TOKEN.run(session, user_id=None, workflow_id=workflow_id)
    return SealedToken(*rows[0]) if rows else None


def put_token(session: Session, user_id: int, sealed: bytes, expires_at: datetime) -> datetime | None:
    """Keep a user's token, and return when the one before would have expired; None when there was none."""
    (before,) = _PUT_TOKEN.one(session, user_id=user_id, sealed=sealed, expires_at=expires_at)
    return before if isinstance(before, datetime) else None


def drop_token(session: Session, user_id: int) -> datetime | None:
    """Forget a user's token, and return when it would have expired; None when there was none."""
    rows = _DROP_TOKEN.run(session, user_id=user_id)
    return rows[0][0] if rows else None


def workflows_without_token(session: Session, seconds: float) -> list[tuple[int, datetime | None]]:
    """List running workflows that need a token good for so long and have none, with when it expires or expired."""
    return [(row[0], row[1]) for row in _WITHOUT_TOKEN.run(session, seconds=float(seconds))]

"""Repositories on their way to where jobs see them; what was published is shared by all workflows that use it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from models.columns import moment, now
from models.database import Session
from models.moves import Reason
from models.statements import load

_DUE = load("repositories_due")
_NAME = load("name_content")
_PUBLICATION = load("code_publication")
_SENT = load("note_sent_code")
_PUBLISHED = load("publish_code")
_NOTE = load("note_repositories")
_WAITING = load("workflows_waiting_for_code")
_READY = load("workflows_with_code")


class CodePublication(SQLModel, table=True):
    """A tar that is, or is to be, unpacked where jobs see it; users' workflows share it."""

    __tablename__ = "code_publications"

    sha256: str = Field(primary_key=True)
    size_bytes: int = Field(sa_type=BigInteger)
    warning: str = ""
    """What it lacks of the repository."""
    path: str = ""
    """Where jobs see its files; empty until they do."""
    sent_at: datetime | None = moment(default=None)
    """When it was last sent."""
    renewed_at: datetime | None = moment(default=None)
    """When it was last seen to be there, and its time began anew."""
    expires_at: datetime | None = moment(default=None)
    """When it goes away unless it is renewed."""
    created_at: datetime = now()


@dataclass(frozen=True, slots=True)
class WantedCode:
    """A repository at a commit that unfinished workflows want, or want kept."""

    organisation: str
    repository: str
    commit: str
    sha256: str = ""
    """Of its tar, once that was made."""

    @property
    def name(self) -> str:
        """The repository as users write it."""
        return f"{self.organisation}/{self.repository}"

    def key(self) -> dict[str, object]:
        """Return the parameters by which statements know it."""
        return {"organisation": self.organisation, "repository": self.repository, "commit": self.commit}


@dataclass(frozen=True, slots=True)
class Publication:
    """What is known of a tar."""

    sha256: str
    path: str
    """Empty until it is published."""
    warning: str
    on_its_way: bool
    """Whether it was sent so lately that it may still appear."""


def due(session: Session, renew_seconds: float, limit: int = 1000) -> list[WantedCode]:
    """List what is to be published or renewed now, what was asked for first at the head."""
    return [WantedCode(*row) for row in _DUE.run(session, renew_seconds=float(renew_seconds), limit=limit)]


def name_content(session: Session, wanted: WantedCode, sha256: str, size_bytes: int, warning: str) -> None:
    """Note which tar a repository is at that commit."""
    _NAME.run(session, **wanted.key(), sha256=sha256, size_bytes=size_bytes, warning=warning)


def publication(session: Session, sha256: str, resend_seconds: float) -> Publication | None:
    """Return what is known of a tar; None when it was never made."""
    rows = _PUBLICATION.run(session, sha256=sha256, resend_seconds=float(resend_seconds))
    return Publication(*rows[0]) if rows else None


def note_sent(session: Session, sha256: str) -> None:
    """Note that a tar was sent just now."""
    _SENT.run(session, sha256=sha256)


def published(
    session: Session, wanted: WantedCode, sha256: str, path: str, lifetime_seconds: float, because: Reason
) -> list[int]:
    """Note where jobs see a tar from now on, for all workflows; return those for which that is new, with an event."""
    return _PUBLISHED.ids(
        session,
        **wanted.key(),
        sha256=sha256,
        path=path,
        lifetime_seconds=float(lifetime_seconds),
        **because.parameters(),
    )


def note(session: Session, wanted: WantedCode, message: str) -> None:
    """Tell the owners of unfinished workflows how it is with a repository that they use."""
    _NOTE.run(session, **wanted.key(), message=message)


def waiting_workflows(session: Session, wanted: WantedCode) -> list[int]:
    """List the workflows that cannot start before a repository is published."""
    return _WAITING.ids(session, **wanted.key())


def ready_workflows(session: Session, limit: int = 1000) -> Sequence[int]:
    """List the submitted workflows all of whose repositories are published."""
    return _READY.ids(session, limit=limit)

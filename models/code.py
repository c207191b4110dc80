"""Users' code as stages have it: references resolved to commits, and whether references have moved since."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.dialects.postgresql import insert

from models.database import Session
from models.moves import Reason
from models.statements import load
from models.workflows import CodeReference

COMMIT = "commit"
"""The kind of reference that never moves."""

_CLAIM = load("claim_code_references")
_NOTE = load("note_code_references")
_WARNINGS = load("workflow_warnings")


@dataclass(frozen=True, slots=True)
class ResolvedReference:
    """A reference, and the commit that it was when a stage was made."""

    repository: str
    """`ORG/REPO`."""
    reference: str
    kind: str
    """`tag`, `branch` or `commit`."""
    commit: str


@dataclass(frozen=True, slots=True)
class StageCode:
    """What a stage runs."""

    jobscript: str
    jobscript_at: ResolvedReference | None = None
    """Where the jobscript was taken from; None when it was given as text."""
    repositories: tuple[ResolvedReference, ...] = ()

    @property
    def references(self) -> list[ResolvedReference]:
        """All references, the jobscript's too."""
        return [*([self.jobscript_at] if self.jobscript_at else []), *self.repositories]


@dataclass(frozen=True, slots=True)
class ClaimedReferences:
    """A repository whose host is to be asked now, and what for."""

    repository: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """A reference that is not what it was when its host was asked before."""

    workflow_id: int
    repository: str
    reference: str
    seen_commit: str
    """Empty when it is gone."""


def watch(session: Session, workflow_id: int, references: Iterable[ResolvedReference]) -> None:
    """Remember the references of a workflow that may move; those that are remembered already are well."""
    rows = [
        {
            "workflow_id": workflow_id,
            "repository": each.repository,
            "reference": each.reference,
            "commit": each.commit,
            "kind": each.kind,
            "seen_commit": each.commit,
            "message": "",
        }
        for each in references
        if each.kind != COMMIT
    ]
    if rows:
        session.exec(insert(CodeReference).values(rows).on_conflict_do_nothing())


def claim(session: Session, every_seconds: float) -> ClaimedReferences | None:
    """Choose a repository of running workflows whose host was not asked for so long; None when there is none.

    What is chosen counts as asked, so that of two cycles at once one asks.
    """
    rows = _CLAIM.run(session, every_seconds=float(every_seconds))
    return ClaimedReferences(rows[0][0], tuple(sorted({row[1] for row in rows}))) if rows else None


def note(session: Session, repository: str, commits: Mapping[str, str], because: Reason) -> list[Drift]:
    """Write down what references are now, empty for those that are gone; log and return those that have changed."""
    rows = _NOTE.run(
        session, repository=repository, references=list(commits), commits=list(commits.values()), actor=because.actor
    )
    return [Drift(*row) for row in rows]


def warnings(session: Session, workflow_ids: Iterable[int]) -> dict[int, list[str]]:
    """Return what the owners of workflows should know of their code, for those where there is something."""
    found: dict[int, list[str]] = {}
    for workflow_id, sentence in _WARNINGS.run(session, workflow_ids=list(workflow_ids)):
        found.setdefault(workflow_id, []).append(sentence)
    return found

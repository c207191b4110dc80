"""Choosing the files that an act of a user is about."""

from collections.abc import Sequence

from sqlmodel import col, select

from justin.states import FileState
from models.database import Session
from models.statements import load
from models.workflows import Stage

_SELECT_FILES = load("select_files")


def stage_keys(session: Session, workflow_id: int, number: int | None) -> list[int]:
    """Return the keys of a workflow's stages, or of the one with that number."""
    statement = select(Stage.stage_id).where(Stage.workflow_id == workflow_id).order_by(col(Stage.stage_number))
    if number is not None:
        statement = statement.where(Stage.stage_number == number)
    return [key for key in session.exec(statement).all() if key is not None]


def select_files(
    session: Session, stage_id: int, dids: Sequence[str], states: Sequence[FileState], limit: int, after: str
) -> tuple[list[int], str]:
    """Return the keys of at most `limit` inputs in those states, and the last DID, beyond which to go on."""
    rows = _SELECT_FILES.run(
        session,
        stage_id=stage_id,
        dids=list(dids) or None,
        states=[state.value for state in states],
        limit=limit,
        after=after,
    )
    return [file_id for file_id, _ in rows], rows[-1][1] if rows else ""

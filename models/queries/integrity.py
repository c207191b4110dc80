"""Whether the books of workflows agree, as their owners see it."""

from justin.schemas.integrity import FindingView, IntegrityView
from models.database import Session
from models.statements import load

_SHOW = load("show_integrity")
_LIST = load("list_findings")
_COLUMNS = ("workflow_id", "badge", "reason", "checked_at", "being_checked", "next_check_at", "files")


def of_workflow(session: Session, workflow_id: int) -> IntegrityView:
    """Return a workflow's badge; it is unknown before the first check."""
    rows = _SHOW.run(session, workflow_id=workflow_id)
    values = dict(zip(_COLUMNS, rows[0], strict=True)) if rows else {"workflow_id": workflow_id}
    return IntegrityView.model_validate(values)


def findings(session: Session, workflow_id: int, limit: int, after: int = 0) -> list[FindingView]:
    """List what the last whole check found, in the order in which it was found."""
    return _LIST.read(session, FindingView, workflow_id=workflow_id, limit=limit, after=after)

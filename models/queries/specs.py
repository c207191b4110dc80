"""A workflow as its owner could submit it again."""

from justin.schemas.specs import WorkflowSpec
from models.database import Session
from models.statements import load

_SPEC = load("workflow_spec")


def workflow_spec(session: Session, workflow_id: int) -> WorkflowSpec | None:
    """Return what would make the same workflow anew; None for an unknown one."""
    rows = _SPEC.run(session, workflow_id=workflow_id)
    return WorkflowSpec.model_validate(rows[0][0]) if rows else None

"""Whether the books of a workflow's outputs agree."""

from fastapi import APIRouter

from engine import archived, reconciler, viewing
from justin.schemas.integrity import IntegrityView
from justin.schemas.specs import StateChange
from models.queries import integrity
from services.api.auth import Calling
from services.api.parameters import Limit, WorkflowId
from services.dependencies import Running

router = APIRouter(prefix="/workflows", tags=["workflows"])

MOST_FINDINGS = 1000


@router.get("/{workflow_id}/integrity")
def show(
    runtime: Running,
    caller: Calling,  # noqa: ARG001  closed to strangers
    workflow_id: WorkflowId,
    limit: Limit = MOST_FINDINGS,
) -> IntegrityView:
    """Show a workflow's badge, and what the last whole check found."""
    archive = archived.find(runtime, workflow_id)
    if archive:
        return archive.integrity(limit)
    with runtime.session() as session:
        viewing.require_workflow(session, workflow_id)
        view = integrity.of_workflow(session, workflow_id)
        return view.model_copy(update={"findings": integrity.findings(session, workflow_id, limit)})


@router.post("/{workflow_id}/check")
def check(
    runtime: Running, caller: Calling, workflow_id: WorkflowId, change: StateChange | None = None
) -> IntegrityView:
    """Have the workflow checked in the reconciler's next cycle."""
    archived.refuse(runtime, workflow_id)
    with runtime.session() as session:
        reconciler.ask(session, caller, workflow_id, change.reason if change else "")
        return integrity.of_workflow(session, workflow_id)

"""Why files wait."""

from fastapi import APIRouter

from engine import archived, why_not
from justin.schemas.explanations import Explanation
from services.api.auth import Calling
from services.api.parameters import Name, OfStage, WorkflowId
from services.dependencies import Running

router = APIRouter(prefix="/workflows/{workflow_id}", tags=["workflows"])


@router.get("/why-not")
def explain(
    runtime: Running,
    caller: Calling,  # noqa: ARG001  closed to strangers
    workflow_id: WorkflowId,
    stage_id: OfStage = None,
    site: Name = None,
    did: Name = None,
) -> Explanation:
    """Say why files wait: of all stages or one, at all sites or one, all files or one."""
    archive = archived.find(runtime, workflow_id)
    if archive:
        return archive.explain(stage_id)
    with runtime.session() as session:
        return why_not.explain(session, workflow_id, stage_number=stage_id, site=site, did=did)

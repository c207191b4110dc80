"""Stages of workflows, their jobscripts and outputs."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from engine import archived, submission, viewing
from engine.errors import NotFound
from justin.schemas.specs import StageAddition
from justin.schemas.views import OutputView, StageView
from models.queries import stages
from services.api.auth import Calling
from services.api.parameters import StageNumber, WorkflowId
from services.dependencies import Running

router = APIRouter(prefix="/workflows/{workflow_id}/stages", tags=["stages"])


@router.post("", status_code=201)
def add(runtime: Running, caller: Calling, workflow_id: WorkflowId, addition: StageAddition) -> StageView:
    """Add a stage at the end of a draft."""
    number = submission.add_stage(runtime, caller, workflow_id, addition.stage)
    with runtime.session() as session:
        return viewing.stage(session, workflow_id, number, runtime.settings.instance)


@router.get("")
def several(runtime: Running, caller: Calling, workflow_id: WorkflowId) -> list[StageView]:  # noqa: ARG001  closed to strangers
    """List the stages of a workflow with their counts."""
    archive = archived.find(runtime, workflow_id)
    if archive:
        return archive.stages()
    with runtime.session() as session:
        return viewing.stage_list(session, workflow_id, runtime.settings.instance)


@router.get("/{stage_id}")
def one(runtime: Running, caller: Calling, workflow_id: WorkflowId, stage_id: StageNumber) -> StageView:  # noqa: ARG001  as above
    """Show a stage with its counts; `stage_id` is its number in the workflow."""
    archive = archived.find(runtime, workflow_id)
    if archive:
        return archive.stage(stage_id)
    with runtime.session() as session:
        return viewing.stage(session, workflow_id, stage_id, runtime.settings.instance)


@router.get("/{stage_id}/outputs")
def outputs(runtime: Running, caller: Calling, workflow_id: WorkflowId, stage_id: StageNumber) -> list[OutputView]:
    """List the kinds of output of a stage, and how much of each is registered."""
    return one(runtime, caller, workflow_id, stage_id).outputs


@router.get("/{stage_id}/jobscript", response_class=PlainTextResponse)
def jobscript(runtime: Running, caller: Calling, workflow_id: WorkflowId, stage_id: StageNumber) -> PlainTextResponse:  # noqa: ARG001  as above
    """Give the text of a stage's jobscript."""
    archive = archived.find(runtime, workflow_id)
    if archive:
        return PlainTextResponse(archive.jobscript(stage_id))
    with runtime.session() as session:
        text = stages.jobscript(session, workflow_id, stage_id)
    if text is None:
        raise NotFound(f"The workflow {workflow_id} has no stage {stage_id}.")
    return PlainTextResponse(text)

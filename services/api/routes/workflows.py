"""Workflows: made, steered and looked at."""

from typing import Annotated

from fastapi import APIRouter, Header, Query

from engine import archived, steering, submission, viewing
from engine.errors import NotFound
from engine.submission import Submission
from justin.schemas.specs import StateChange, WorkflowSpec
from justin.schemas.views import Page, WorkflowView
from justin.states import WorkflowState
from models.queries import archives, specs, workflows
from models.queries.workflows import WorkflowFilter
from services.api.auth import Calling
from services.api.paging import page
from services.api.parameters import DEFAULT_LIMIT, After, Limit, Name, OfCampaign, WorkflowId
from services.dependencies import Running

router = APIRouter(prefix="/workflows", tags=["workflows"])

Key = Annotated[str, Header(alias="Idempotency-Key", max_length=200, pattern=r"^[!-~]*$")]
InArchive = Annotated[bool, Query(alias="archived", description="Those in the archive instead.")]
Change = StateChange | None


@router.post("", status_code=201)
def create(
    runtime: Running, caller: Calling, spec: WorkflowSpec, *, submit: bool = False, key: Key = ""
) -> WorkflowView:
    """Make a workflow: a draft, or submitted at once. A repetition with the same key finds the one made before."""
    workflow_id = submission.create_workflow(runtime, caller, Submission(spec, submit, key))
    return one(runtime, caller, workflow_id)


@router.get("")
def several(
    runtime: Running,
    caller: Calling,  # noqa: ARG001  closed to strangers
    state: WorkflowState | None = None,
    user: Name = None,
    scope: Name = None,
    campaign_id: OfCampaign = None,
    limit: Limit = DEFAULT_LIMIT,
    after: After = None,
    *,
    in_archive: InArchive = False,
) -> Page[WorkflowView]:
    """List workflows, newest first, without their stages."""
    wanted = WorkflowFilter(state, user, scope, campaign_id)
    listed = archives.list_archived if in_archive else workflows.list_workflows
    with runtime.session() as session:
        rows = listed(session, wanted, limit + 1, after)
    return page(rows, limit, lambda row: row.workflow_id)


@router.get("/{workflow_id}")
def one(runtime: Running, caller: Calling, workflow_id: WorkflowId) -> WorkflowView:  # noqa: ARG001  closed to strangers
    """Show a workflow with its stages and their counts."""
    archive = archived.find(runtime, workflow_id)
    if archive:
        return archive.workflow()
    with runtime.session() as session:
        return viewing.workflow(session, workflow_id, runtime.settings.instance)


@router.get("/{workflow_id}/spec")
def spec(runtime: Running, caller: Calling, workflow_id: WorkflowId) -> WorkflowSpec:  # noqa: ARG001  closed to strangers
    """Give what would make the same workflow anew."""
    archive = archived.find(runtime, workflow_id)
    if archive:
        return archive.spec()
    with runtime.session() as session:
        found = specs.workflow_spec(session, workflow_id)
    if found is None:
        raise NotFound(f"There is no workflow {workflow_id}.")
    return found


@router.post("/{workflow_id}/submit")
def submit(runtime: Running, caller: Calling, workflow_id: WorkflowId, change: Change = None) -> WorkflowView:
    """Submit a draft."""
    archived.refuse(runtime, workflow_id)
    submission.submit_workflow(runtime, caller, workflow_id, _reason(change))
    return one(runtime, caller, workflow_id)


@router.post("/{workflow_id}/pause")
def pause(runtime: Running, caller: Calling, workflow_id: WorkflowId, change: Change = None) -> WorkflowView:
    """Let no more jobs start and no more files be given."""
    return _steer(runtime, caller, workflow_id, WorkflowState.PAUSED, change)


@router.post("/{workflow_id}/restart")
def restart(runtime: Running, caller: Calling, workflow_id: WorkflowId, change: Change = None) -> WorkflowView:
    """Let a paused workflow run again."""
    return _steer(runtime, caller, workflow_id, WorkflowState.RUNNING, change)


@router.post("/{workflow_id}/finish")
def finish(runtime: Running, caller: Calling, workflow_id: WorkflowId, change: Change = None) -> WorkflowView:
    """Bring a workflow to its end before all of its files are processed."""
    return _steer(runtime, caller, workflow_id, WorkflowState.CANCELLING, change)


def _steer(
    runtime: Running, caller: Calling, workflow_id: WorkflowId, to: WorkflowState, change: Change
) -> WorkflowView:
    archived.refuse(runtime, workflow_id)
    with runtime.session() as session:
        steering.steer(session, caller, workflow_id, to, _reason(change))
        return viewing.workflow(session, workflow_id, runtime.settings.instance)


def _reason(change: Change) -> str:
    return change.reason if change else ""

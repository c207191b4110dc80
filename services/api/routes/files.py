"""Files of workflows, their copies and datasets."""

from fastapi import APIRouter

from engine import archived, steering, viewing
from justin.schemas.specs import FileSelection
from justin.schemas.views import DatasetView, FileView, Moved, Page, ReplicaView
from justin.states import FileState
from models.queries import files
from models.queries.files import FileFilter
from services.api.auth import Calling
from services.api.paging import page
from services.api.parameters import DEFAULT_LIMIT, After, Limit, Name, OfStage, WorkflowId
from services.dependencies import Running

router = APIRouter(prefix="/workflows/{workflow_id}", tags=["files"])


@router.get("/files")
def several(
    runtime: Running,
    caller: Calling,  # noqa: ARG001  closed to strangers
    workflow_id: WorkflowId,
    stage_id: OfStage = None,
    state: FileState | None = None,
    did: Name = None,
    limit: Limit = DEFAULT_LIMIT,
    after: After = None,
) -> Page[FileView]:
    """List the inputs of each stage by DID, then final outputs."""
    wanted = FileFilter(workflow_id, stage_id, state, did)
    archive = archived.find(runtime, workflow_id)
    if archive:
        return page(archive.files(wanted, limit + 1, after or 0), limit, lambda row: row.file_id)
    with runtime.session() as session:
        viewing.require_workflow(session, workflow_id)
        rows = files.list_files(session, wanted, limit + 1, after or 0)
    return page(rows, limit, lambda row: row.file_id)


@router.get("/replicas")
def replicas(
    runtime: Running,
    caller: Calling,  # noqa: ARG001  closed to strangers
    workflow_id: WorkflowId,
    stage_id: OfStage = None,
    did: Name = None,
    limit: Limit = DEFAULT_LIMIT,
    after: After = None,
) -> Page[ReplicaView]:
    """List where files are; a page holds every copy of `limit` files."""
    wanted = FileFilter(workflow_id, stage_id, None, did)
    archive = archived.find(runtime, workflow_id)
    if archive:
        of_page = page(archive.files(wanted, limit + 1, after or 0), limit, lambda row: row.file_id)
        copies = archive.replicas([file.did for file in of_page.items])
        return Page(items=copies, next_after=of_page.next_after)
    with runtime.session() as session:
        viewing.require_workflow(session, workflow_id)
        found = files.list_files(session, wanted, limit + 1, after or 0)
        shown = [row.file_id for row in found[:limit]]
        items = files.list_replicas(session, shown)
    return Page(items=items, next_after=shown[-1] if len(found) > limit else None)


@router.get("/datasets")
def datasets(runtime: Running, caller: Calling, workflow_id: WorkflowId) -> list[DatasetView]:  # noqa: ARG001  as above
    """List the datasets that hold the workflow's outputs."""
    archive = archived.find(runtime, workflow_id)
    if archive:
        return archive.datasets()
    with runtime.session() as session:
        viewing.require_workflow(session, workflow_id)
        return files.list_datasets(session, workflow_id)


@router.post("/files/fail")
def fail(runtime: Running, caller: Calling, workflow_id: WorkflowId, chosen: FileSelection) -> Moved:
    """Give up inputs that are not processed yet."""
    archived.refuse(runtime, workflow_id)
    return Moved(moved=steering.fail_files(runtime, caller, workflow_id, chosen, chosen.reason))


@router.post("/files/retry")
def retry(runtime: Running, caller: Calling, workflow_id: WorkflowId, chosen: FileSelection) -> Moved:
    """Look again for inputs that failed or had no copy."""
    archived.refuse(runtime, workflow_id)
    return Moved(moved=steering.retry_files(runtime, caller, workflow_id, chosen, chosen.reason))

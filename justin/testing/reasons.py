"""Why files wait in the server in memory: their workflow does not run, or nobody has processed them yet."""

from collections import Counter

from justin.errors import NotFound
from justin.schemas.explanations import (
    Change,
    Explanation,
    FilterCount,
    PlaceVerdict,
    PoolVerdict,
    StageExplanation,
)
from justin.schemas.views import FileView
from justin.states import FileState, WorkflowState
from justin.testing.world import RSE, SITE, Workflow, World

FILTER = "workflow_running"
WHY = "the workflow is not running"
CHANGE = "letting the workflow run"


def explanation(
    world: World, workflow: Workflow, stage_id: int | None, site: str | None, did: str | None
) -> Explanation:
    """Say why the files of a workflow wait."""
    if site not in {None, SITE}:
        raise NotFound(f"there is no site {site}")
    file = None if did is None else _file(workflow, stage_id, did)
    number = file.stage_id if file else stage_id
    if number is not None:
        workflow.stage(number)
    numbers = range(1, len(workflow.stages) + 1) if number is None else [number]
    stages = [_stage(world, workflow, each, file) for each in numbers]
    return Explanation(workflow_id=workflow.view.workflow_id, site=site, file=file, stages=stages)


def _file(workflow: Workflow, stage_id: int | None, did: str) -> FileView:
    for file in workflow.files:
        if file.did == did and file.stage_id is not None and stage_id in {None, file.stage_id}:
            return file
    raise NotFound(f"{did} is no input of workflow {workflow.view.workflow_id}")


def _stage(world: World, workflow: Workflow, stage_id: int, file: FileView | None) -> StageExplanation:
    own = [each for each in workflow.files if each.stage_id == stage_id]
    asked = [each for each in own if file is None or each == file]
    waiting = sum(each.state is FileState.UNALLOCATED for each in asked)
    runs = workflow.view.state is WorkflowState.RUNNING
    kept = 0 if runs else waiting
    why = "" if runs else WHY
    return StageExplanation(
        stage_id=stage_id,
        answer=f"{waiting} files wait" + (f": {CHANGE} frees {kept}." if kept else "."),
        files=Counter(each.state for each in own),
        waiting_files=waiting,
        open_files=waiting - kept,
        changes=[Change(filter=FILTER, change=CHANGE, files=kept)] if kept else [],
        removed=[FilterCount(filter=FILTER, why=WHY, places=1, files=kept)] if kept else [],
        places=[_place(waiting, why)] if waiting else [],
        pool=PoolVerdict(queued_jobs=0, oldest_queued_seconds=None, running_jobs=_running(world), ended_unstarted=[]),
    )


def _place(waiting: int, why: str) -> PlaceVerdict:
    name = FILTER if why else None
    unmet = [name] if name else []
    return PlaceVerdict(site=SITE, rse=RSE, distance=0, files=waiting, filter=name, why=why, unmet=unmet)


def _running(world: World) -> int:
    return sum(each.finished_at is None for each in world.jobs)

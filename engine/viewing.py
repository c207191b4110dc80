"""What is shown of workflows, put together from what the database is asked; `instance` is part of datasets' names."""

from engine import dataset_names, scratch
from engine.dataset_names import Pattern
from engine.errors import NotFound
from engine.scratch import Owner
from justin.schemas.views import OutputView, StageView, WorkflowView
from models.database import Session
from models.queries import stages, workflows
from models.queries.stages import OutputRow, StageRow


def workflow(session: Session, workflow_id: int, instance: str = "") -> WorkflowView:
    """Show a workflow with its stages; raises `NotFound`."""
    found = require_workflow(session, workflow_id)
    return found.model_copy(update={"stages": _stages(session, found, instance)})


def require_workflow(session: Session, workflow_id: int) -> WorkflowView:
    """Return the workflow without its stages; raises `NotFound`."""
    found = workflows.one_workflow(session, workflow_id)
    if found is None:
        raise NotFound(f"There is no workflow {workflow_id}.")
    return found


def stage_list(session: Session, workflow_id: int, instance: str = "") -> list[StageView]:
    """Show the stages of a workflow; raises `NotFound`."""
    return _stages(session, require_workflow(session, workflow_id), instance)


def stage(session: Session, workflow_id: int, number: int, instance: str = "") -> StageView:
    """Show one stage; raises `NotFound`."""
    for shown in stage_list(session, workflow_id, instance):
        if shown.stage_id == number:
            return shown
    raise NotFound(f"The workflow {workflow_id} has no stage {number}.")


def _stages(session: Session, owner: WorkflowView, instance: str) -> list[StageView]:
    return [_stage(owner.scope, row, instance) for row in stages.list_stages(session, owner.workflow_id)]


def _stage(scope: str, row: StageRow, instance: str) -> StageView:
    outputs = [_output(scope, row, output, instance) for output in row.outputs]
    values = {name: getattr(row, name) for name in StageView.model_fields if name not in {"stage_id", "outputs"}}
    return StageView(**values, stage_id=row.stage_number, outputs=outputs)


def _output(scope: str, stage_row: StageRow, row: OutputRow, instance: str) -> OutputView:
    values = {name: getattr(row, name) for name in OutputView.model_fields if name != "dataset"}
    if scratch.is_scratch(row.destination):
        owner = Owner(scope, stage_row.workflow_id, stage_row.stage_number)
        return OutputView(**values, dataset=scratch.directory(row.destination, owner, instance))
    pattern = Pattern(stage_row.workflow_id, stage_row.stage_number, row.pattern_id, row.destination)
    return OutputView(**values, dataset=f"{scope}:{dataset_names.destination(pattern, instance)}")

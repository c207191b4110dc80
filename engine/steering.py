"""Pausing, restarting and ending workflows, and failing or retrying their files."""

from collections.abc import Sequence

from engine import rights
from engine.errors import NotFound, WrongState
from engine.rights import Act, Caller
from engine.runtime import Runtime
from justin.schemas.specs import FileSelection
from justin.states import FileState, WorkflowState
from models import moves, selections, submissions
from models.database import Session
from models.moves import Reason
from models.submissions import Draft

BATCH = 10_000
"""Files that are moved in one transaction."""

_ENDING = frozenset({WorkflowState.CANCELLING, WorkflowState.FINISHED})
_FAILABLE = moves.sources(moves.FILE_MOVES, FileState.FAILED)
_RETRIABLE = moves.sources(moves.FILE_MOVES, FileState.FINDING)
_WITH_FILES = frozenset(
    {WorkflowState.RUNNING, WorkflowState.PAUSED, WorkflowState.FINISHING, WorkflowState.CANCELLING}
)


def steer(session: Session, caller: Caller, workflow_id: int, to: WorkflowState, reason: str = "") -> None:
    """Bring a workflow to a state that a user may choose; one that is there already is left as it is."""
    workflow = _own(session, caller, workflow_id)
    if workflow.state is to or (to is WorkflowState.CANCELLING and workflow.state in _ENDING):
        return
    moved = not _is_first_start(workflow, to) and moves.move_workflows(
        session, [workflow_id], to, caller.because(reason)
    )
    if not moved:
        raise WrongState(f"The workflow {workflow_id} is {workflow.state}: it cannot become {to}.")


def fail_files(runtime: Runtime, caller: Caller, workflow_id: int, chosen: FileSelection, reason: str = "") -> int:
    """Give up inputs that are not processed yet, and return how many."""
    with runtime.session() as session:
        _own(session, caller, workflow_id)
    return _move_all(runtime, workflow_id, chosen, _FAILABLE, FileState.FAILED, caller.because(reason))


def retry_files(runtime: Runtime, caller: Caller, workflow_id: int, chosen: FileSelection, reason: str = "") -> int:
    """Look again for inputs that failed or had no copy, and return how many."""
    because = caller.because(reason)
    with runtime.session() as session:
        workflow = _own(session, caller, workflow_id)
        if workflow.state not in _WITH_FILES - {WorkflowState.CANCELLING}:
            raise WrongState(f"The workflow {workflow_id} is {workflow.state}: its files cannot be retried.")
        if workflow.state is WorkflowState.FINISHING:
            moves.move_workflows(session, [workflow_id], WorkflowState.RUNNING, because)
    return _move_all(runtime, workflow_id, chosen, _RETRIABLE, FileState.FINDING, because)


def _is_first_start(workflow: Draft, to: WorkflowState) -> bool:
    """Tell a restart from the start of a submitted workflow, which is the system's to make."""
    return to is WorkflowState.RUNNING and workflow.state is not WorkflowState.PAUSED


def _own(session: Session, caller: Caller, workflow_id: int) -> Draft:
    workflow = submissions.lock_workflow(session, workflow_id)
    if workflow is None:
        raise NotFound(f"There is no workflow {workflow_id}.")
    rights.check(caller, Act.CHANGE_WORKFLOW, owner_id=workflow.user_id)
    return workflow


def _move_all(
    runtime: Runtime,
    workflow_id: int,
    chosen: FileSelection,
    sources: Sequence[FileState],
    to: FileState,
    because: Reason,
) -> int:
    with runtime.session() as session:
        stages = selections.stage_keys(session, workflow_id, chosen.stage_id)
    if chosen.stage_id is not None and not stages:
        raise NotFound(f"The workflow {workflow_id} has no stage {chosen.stage_id}.")
    return sum(_move_stage(runtime, stage_id, chosen.dids, sources, to, because) for stage_id in stages)


def _move_stage(
    runtime: Runtime, stage_id: int, dids: list[str], sources: Sequence[FileState], to: FileState, because: Reason
) -> int:
    """Move in batches: a million files in one transaction would hold up every job of the stage."""
    total, last_did = 0, ""
    while True:
        with runtime.session() as session:
            found, last_did = selections.select_files(session, stage_id, dids, sources, BATCH, last_did)
            total += len(moves.move_files(session, found, to, because))
        if len(found) < BATCH:
            return total

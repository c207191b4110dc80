"""How workflows differ."""

from typing import Annotated

from fastapi import APIRouter, Query

from engine import diff
from justin.schemas.diff import WorkflowDiff
from services.api.auth import Calling
from services.api.parameters import WorkflowId
from services.dependencies import Running

router = APIRouter(prefix="/workflows/{workflow_id}/diff", tags=["workflows"])

Commits = Annotated[
    int,
    Query(
        ge=0, le=1000, description="How many commits of each repository are listed each way; 0 asks no host of code."
    ),
]


@router.get("/{other_id}")
def one(
    runtime: Running,
    caller: Calling,  # noqa: ARG001  closed to strangers
    workflow_id: WorkflowId,
    other_id: WorkflowId,
    commits: Commits = 50,
) -> WorkflowDiff:
    """Say how two workflows differ, archived or not: what was asked for, and what became of it."""
    return diff.diff_workflows(runtime, workflow_id, other_id, commits)

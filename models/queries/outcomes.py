"""What the jobs of stages have told of them."""

from justin.outcomes import MOST_FAILURES, WELL
from justin.schemas.diff import StageOutcome
from models.database import Session
from models.statements import load

_STAGE_OUTCOMES = load("stage_outcomes")


def stage_outcomes(session: Session, workflow_id: int, most_jobs: int) -> list[StageOutcome]:
    """Tell of each stage of a workflow what its newest jobs say, at most so many of each."""
    well = [state.value for state in WELL]
    limits = {"most": most_jobs, "most_failures": MOST_FAILURES}
    rows = _STAGE_OUTCOMES.run(session, workflow_id=workflow_id, well=well, **limits)
    names = tuple(StageOutcome.model_fields)
    return [StageOutcome(**dict(zip(names, (*row[:-1], dict(row[-1])), strict=True))) for row in rows]

"""Problems: workflows most of whose jobs go wrong in the same way are paused before they eat the pool."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.runtime import Runtime
from justin.states import JobState, WorkflowState
from models import completion, moves
from models.completion import CommonEnd
from models.moves import Reason

LOG = logging.getLogger(__name__)

ACTOR: Final = "problems"
RULES: Final[Mapping[JobState, str]] = {
    JobState.JOBSCRIPT_ERROR: "their jobscripts failed",
    JobState.NO_INPUT_REQUESTED: "their jobscripts never asked for a file",
    JobState.NONE_PROCESSED: "their jobscripts processed none of the files they were given",
}


@dataclass(frozen=True, slots=True)
class Paused:
    """The workflows that a cycle paused."""

    workflows: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        """Say whether anything was done."""
        return bool(self.workflows)


def pause_workflows(runtime: Runtime) -> Paused:
    """Pause the workflows of which most jobs, and enough of them, ended in the same bad way since they last began."""
    limit = runtime.settings.problems.jobs
    with runtime.session() as session:
        bad = [end for end in completion.common_ends(session) if _is_problem(end, limit)]
        paused = [
            workflow_id
            for end in bad
            for workflow_id in moves.move_workflows(session, [end.workflow_id], WorkflowState.PAUSED, _because(end))
        ]
    for workflow_id in paused:
        LOG.warning("workflow %s is paused", workflow_id)
    return Paused(tuple(paused))


def _is_problem(end: CommonEnd, limit: int) -> bool:
    return end.state in RULES and end.jobs >= limit and 2 * end.jobs > end.all_jobs


def _because(end: CommonEnd) -> Reason:
    return Reason(
        ACTOR,
        f"{end.jobs} of the last {end.all_jobs} jobs went wrong in the same way: {RULES[end.state]}."
        f" See the logs of {', '.join(end.examples)}, then restart the workflow.",
        {"state": end.state, "jobs": end.jobs, "all_jobs": end.all_jobs, "examples": end.examples},
    )

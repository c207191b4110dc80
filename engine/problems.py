"""Problems: workflows most of whose jobs go wrong in the same way are paused before they eat the pool."""

import logging
from dataclasses import dataclass
from typing import Final

from engine import error_lines, scratch
from engine.runtime import Runtime
from engine.settings import Problems
from justin.states import EventType, JobState
from models import moves, problems
from models.database import Session
from models.moves import Reason
from models.problems import JobscriptEnd

LOG = logging.getLogger(__name__)

ACTOR: Final = "problems"
EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which the jobs of a workflow go wrong, and the event that its pause is told as."""

    state: JobState
    event_type: EventType
    sentence: str
    advice: str


RULES: Final = (
    Rule(
        JobState.JOBSCRIPT_ERROR,
        EventType.PAUSED_JOBSCRIPT_ERRORS,
        "their jobscripts ended in an error code",
        "mend the jobscript, or what it needs",
    ),
    Rule(
        JobState.NO_INPUT_REQUESTED,
        EventType.PAUSED_NO_INPUT_REQUESTED,
        "their jobscripts never asked for a file",
        "have the jobscript call justin-get-file",
    ),
    Rule(
        JobState.NONE_PROCESSED,
        EventType.PAUSED_NONE_PROCESSED,
        "their jobscripts processed none of the files they were given",
        "have the jobscript write what it processed into justin-processed-dids.txt",
    ),
)


@dataclass(frozen=True, slots=True)
class Paused:
    """The workflows that a cycle paused."""

    workflows: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        """Say whether anything was done."""
        return bool(self.workflows)


def pause_workflows(runtime: Runtime) -> Paused:
    """Pause the workflows of which most jobs, and enough of them, ended in the same bad way since they last began.

    And those whose outputs could not be uploaded, for want of a token.
    """
    limits = runtime.settings.problems
    with runtime.session() as session:
        found = [(rule, end) for end in problems.jobscript_ends(session) for rule in RULES if breaks(rule, end, limits)]
        paused = [end.workflow_id for rule, end in found if _pause(session, rule, end)]
    paused += scratch.pause_workflows(runtime, ACTOR)
    for workflow_id in paused:
        LOG.warning("workflow %s is paused", workflow_id)
    return Paused(tuple(paused))


def breaks(rule: Rule, end: JobscriptEnd, limits: Problems) -> bool:
    """Say whether enough jobs of a workflow ended as the rule has it, and more than the share of them all."""
    return end.state is rule.state and end.jobs >= limits.jobs and end.jobs > limits.share * end.all_jobs


def _pause(session: Session, rule: Rule, end: JobscriptEnd) -> bool:
    commonest = error_lines.commonest(problems.jobscript_logs(session, end.job_ids))
    return moves.pause_problem_workflow(session, end.workflow_id, rule.event_type, _because(rule, end, commonest))


def _because(rule: Rule, end: JobscriptEnd, commonest: list[str]) -> Reason:
    examples = end.jobsub_ids[:EXAMPLES]
    told = f" They say: {'; '.join(commonest)}." if commonest else ""
    message = (
        f"{end.jobs} of the last {end.all_jobs} jobs went wrong in the same way: {rule.sentence}.{told}"
        f" See the logs of {', '.join(examples)}, {rule.advice}, then restart the workflow."
    )
    details = {"state": end.state, "jobs": end.jobs, "all_jobs": end.all_jobs, "examples": examples}
    return Reason(ACTOR, message, {**details, "error_lines": commonest})

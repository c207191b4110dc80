"""Completion: workflows with nothing left to do are finished, once their datasets are closed."""

import logging
from dataclasses import dataclass
from typing import Final

from engine.errors import Unavailable
from engine.runtime import Runtime
from justin.states import JobState, WorkflowState
from models import completion, datasets, moves, results
from models.datasets import OpenDataset
from models.moves import Reason

LOG = logging.getLogger(__name__)

ACTOR: Final = "completion"


@dataclass(frozen=True, slots=True)
class Completed:
    """The workflows that a cycle brought nearer to their end."""

    finishing: tuple[int, ...] = ()
    finished: tuple[int, ...] = ()
    closed_datasets: int = 0
    removed_jobs: int = 0
    problem: str = ""

    def __bool__(self) -> bool:
        """Say whether anything was done."""
        return bool(self.finishing or self.finished or self.closed_datasets or self.removed_jobs or self.problem)


def complete_workflows(runtime: Runtime) -> Completed:
    """Begin to finish what is done, take queued jobs of ending workflows out, close datasets, and finish.

    A catalogue that does not answer is asked again in the next cycle.
    """
    finishing = _begin_finishing(runtime)
    removed = _remove_queued(runtime)
    finished: list[int] = []
    closed, problem = 0, ""
    for workflow_id in _ending(runtime):
        try:
            closed += _close_datasets(runtime, workflow_id)
        except Unavailable as error:
            problem = str(error)
            LOG.warning("the datasets of workflow %s cannot be closed now: %s", workflow_id, problem)
            continue
        finished += _finish(runtime, workflow_id)
    return Completed(finishing, tuple(finished), closed, removed, problem)


def _begin_finishing(runtime: Runtime) -> tuple[int, ...]:
    with runtime.session() as session:
        resuming = completion.workflows_resuming(session)
        moves.move_workflows(
            session, resuming, WorkflowState.RUNNING, Reason(ACTOR, "Some files are to be tried again.")
        )
        done = completion.workflows_done(session)
        return tuple(moves.move_workflows(session, done, WorkflowState.FINISHING, Reason(ACTOR, "Every file is done.")))


def _remove_queued(runtime: Runtime) -> int:
    because = Reason(ACTOR, "Its workflow is ending.")
    with runtime.session() as session:
        jobs = completion.queued_for_ending(session)
        # Only a queued job may become that, so those that have started since are left alone.
        queued = results.lock_jobs(session, [job.job_id for job in jobs], JobState.NOTUSED)
        removed = set(moves.move_jobs(session, queued, JobState.REMOVED, because))
    if removed:
        # If we die before this, the watch takes them out of the pool.
        runtime.pool.remove([job.jobsub_id for job in jobs if job.job_id in removed])
    return len(removed)


def _ending(runtime: Runtime) -> list[int]:
    with runtime.session() as session:
        return completion.workflows_ending(session)


def _close_datasets(runtime: Runtime, workflow_id: int) -> int:
    with runtime.session() as session:
        opened = datasets.open_of(session, workflow_id)
    for dataset in opened:
        _close(runtime, dataset)
    return len(opened)


def _close(runtime: Runtime, dataset: OpenDataset) -> None:
    runtime.rucio.close_dataset(dataset.did)
    runtime.metacat.close_dataset(dataset.did)
    with runtime.session() as session:
        datasets.closed(session, [dataset.dataset_id], ACTOR)


def _finish(runtime: Runtime, workflow_id: int) -> list[int]:
    with runtime.session() as session:
        if datasets.open_of(session, workflow_id):
            return []
        return moves.move_workflows(session, [workflow_id], WorkflowState.FINISHED, Reason(ACTOR))

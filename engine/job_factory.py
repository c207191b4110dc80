"""The job factory: puts open jobs into the pool where files wait, and takes out those that nothing waits for."""

import logging
import math
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine import stage_hints
from engine.ports import JobOrder, JobTicket
from engine.runtime import Runtime
from engine.settings import Factory
from justin.states import JobState
from models import demand, moves, results, watching
from models.demand import JobClass, NewJob, StageDemand
from models.moves import Reason
from wrapper.build import build

LOG = logging.getLogger(__name__)

ACTOR: Final = "job_factory"
START_SECONDS: Final = 300
"""What a slot is asked for beyond the stage's wall time: it has begun to run out when the job asks for work."""

SURPLUS_AFTER_SECONDS: Final = 30.0
"""A job may serve another stage than the one it was meant for, so it is not taken out at once."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a cycle of the job factory did."""

    submitted: int = 0
    removed: int = 0
    stages: str = ""
    """How many jobs with which stage in mind."""

    def __bool__(self) -> bool:
        """Say whether anything was done."""
        return bool(self.submitted or self.removed)


def submit_jobs(runtime: Runtime) -> Submitted:
    """Put as many jobs into the pool as files are waiting, and take out those that nothing waits for any more.

    Raises `Unavailable` when the pool does not answer; what is in it by then is known.
    """
    removed = _remove_surplus(runtime)
    plan = missing_jobs(runtime)
    if plan:
        with tempfile.TemporaryDirectory(prefix="justin-wrapper-") as directory:
            wrapper = build(Path(directory) / "justin-wrapper.pyz")
            for stage, count in plan:
                _submit(runtime, stage, count, wrapper)
    stages = ", ".join(f"w{stage.workflow_id}s{stage.stage_number}: {count}" for stage, count in plan)
    return Submitted(sum(count for _, count in plan), removed, stages)


def missing_jobs(runtime: Runtime) -> list[tuple[StageDemand, int]]:
    """Return the stages that could use more jobs than they have, and how many more are to be submitted now."""
    limits = runtime.settings.factory
    with runtime.session() as session:
        most_files = math.ceil(limits.max_idle_per_stage * limits.files_per_job)
        demands = demand.stage_demands(session, most_files, limits.files_per_job)
    return list(_within_limits(demands, limits))


def _within_limits(demands: Sequence[StageDemand], limits: Factory) -> Iterator[tuple[StageDemand, int]]:
    left = limits.max_submit_per_cycle
    of_quota = Counter({stage.quota_id: stage.quota_jobs for stage in demands})
    for stage in demands:
        wanted = min(left, _wanted(stage, limits), stage.quota_max_jobs - of_quota[stage.quota_id])
        if wanted > 0:
            yield stage, wanted
            left -= wanted
            of_quota[stage.quota_id] += wanted


def _wanted(stage: StageDemand, limits: Factory) -> int:
    """Count the jobs that a stage lacks: those queued, and those that have not asked yet, will take files too."""
    useful = math.ceil(stage.waiting_files / limits.files_per_job) - stage.unasked_jobs
    if stage.max_jobs is not None:
        useful = min(useful, stage.max_jobs - stage.running_jobs)
    return min(useful, limits.max_idle_per_stage) - stage.queued_jobs


def _submit(runtime: Runtime, stage: StageDemand, count: int, wrapper: Path) -> None:
    tickets = tuple(JobTicket(secrets.token_hex(32)) for _ in range(count))
    order = _order(runtime, stage, tickets, wrapper)

    def keep(jobsub_ids: Sequence[str]) -> None:
        """Make the jobs known before one of them can ask for work; if we die here, the watch finds them gone."""
        jobs = [
            NewJob(jobsub_id, ticket.secret, secrets.token_hex(32))
            for jobsub_id, ticket in zip(jobsub_ids, tickets, strict=True)
        ]
        with runtime.session() as session:
            demand.insert_jobs(session, jobs, _job_class(order, stage), ACTOR)

    runtime.pool.submit(order, keep)
    LOG.info("%s jobs submitted with %s in mind", count, order.hint)


def _order(runtime: Runtime, stage: StageDemand, tickets: tuple[JobTicket, ...], wrapper: Path) -> JobOrder:
    settings = runtime.settings
    return JobOrder(
        tickets=tickets,
        wrapper=wrapper,
        configuration={"allocator_url": settings.allocator.url, "instance": settings.instance},
        processors=stage.processors,
        rss_bytes=stage.rss_bytes,
        wall_seconds=stage.wall_seconds + START_SECONDS,
        gpus=stage.gpus,
        accounting_group=stage.accounting_group,
        sites=tuple(stage.sites),
        image=stage.image,
        hint=stage_hints.word(settings.instance, stage.workflow_id, stage.stage_number),
        classads={name: str(value) for name, value in (stage.classads or {}).items()},
    )


def _job_class(order: JobOrder, stage: StageDemand) -> JobClass:
    return JobClass(
        quota_id=stage.quota_id,
        hint_stage_id=stage.stage_id,
        processors=order.processors,
        rss_bytes=order.rss_bytes,
        wall_seconds=order.wall_seconds,
        gpus=order.gpus,
    )


def _remove_surplus(runtime: Runtime) -> int:
    because = Reason(ACTOR, "No file of its stage waits any more.")
    with runtime.session() as session:
        surplus = watching.surplus_jobs(session, SURPLUS_AFTER_SECONDS)
        # Only a queued job may become that, so those that have started since are left alone.
        queued = results.lock_jobs(session, [job.job_id for job in surplus], JobState.NOTUSED)
        removed = set(moves.move_jobs(session, queued, JobState.REMOVED, because))
    if removed:
        # If we die before this, the watch takes them out of the pool.
        runtime.pool.remove([job.jobsub_id for job in surplus if job.job_id in removed])
    return len(removed)

"""The job factory: puts open jobs into the pool where files wait, and takes out those that nothing waits for."""

import logging
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine import factory_plan, pulses, stage_hints
from engine.errors import EngineError, Refused, ServiceRefused, Unavailable
from engine.factory_plan import StagePlan
from engine.pool_ports import GpuNeeds, JobOrder, JobTicket
from engine.runtime import Runtime
from justin.states import FactoryLimit, JobState
from models import demand, moves, nodes, results, watching
from models.demand import JobClass, NewJob, StageDecision, StageDemand
from models.moves import Reason
from wrapper.build import build

LOG = logging.getLogger(__name__)

ACTOR: Final = "job_factory"
START_SECONDS: Final = 300
"""What a slot is asked for beyond the stage's wall time: it has begun to run out when the job asks for work."""

SURPLUS_AFTER_SECONDS: Final = 30.0
"""A job may serve another stage than the one it was meant for, so it is not taken out at once."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a cycle decided for a stage, as a line of a table."""

    workflow_id: int
    stage: int
    waiting_files: int
    queued: int
    running: int
    wanted: int
    submitted: int
    limited_by: FactoryLimit
    why: str
    sites: str

    def __bool__(self) -> bool:
        """Say whether the stage lacked jobs, or can have none."""
        return self.limited_by is not FactoryLimit.NOTHING_WANTED


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a cycle of the job factory did."""

    submitted: int = 0
    removed: int = 0
    decisions: tuple[Decided, ...] = field(default=(), compare=False)

    def __bool__(self) -> bool:
        """Say whether anything was done."""
        return bool(self.submitted or self.removed)


def submit_jobs(runtime: Runtime) -> Submitted:
    """Put as many jobs into the pool as files are waiting, and take out those that nothing waits for any more.

    What was decided for each stage is kept. Raises `Unavailable` when the pool does not answer; what is in it by then
    is known.
    """
    pulses.measure(runtime)
    plans = plan(runtime)
    removed = _remove_surplus(runtime, plans)
    decisions, unavailable = _submit_all(runtime, plans)
    _keep_decisions(runtime, decisions)
    if unavailable:
        raise unavailable
    lines = tuple(_line(each, decision) for each, decision in zip(plans, decisions, strict=True))
    return Submitted(sum(decision.submitted_jobs for decision in decisions), removed, lines)


def missing_jobs(runtime: Runtime) -> int:
    """Count the jobs that would be submitted now."""
    return sum(each.submit for each in plan(runtime))


def plan(runtime: Runtime) -> list[StagePlan]:
    """Say how many jobs each running stage is to get now, where, and what keeps it from more."""
    limits = runtime.settings.factory
    with runtime.session() as session:
        demands = demand.stage_demands(session, limits.max_idle_per_stage, limits.files_per_job, limits.recent_jobs)
        lacking = [stage.stage_id for stage in demands if factory_plan.lacks_jobs(stage, limits)]
        places = demand.stage_places(session, lacking) if lacking else {}
    return factory_plan.plan(demands, places, limits, pulses.why_to_wait(runtime) if lacking else "")


def _submit_all(runtime: Runtime, plans: Sequence[StagePlan]) -> tuple[list[StageDecision], Unavailable | None]:
    """Submit what is planned, until the pool does not answer; a stage whose jobs it refuses keeps no other from it."""
    decisions: list[StageDecision] = []
    unavailable: Unavailable | None = None
    with tempfile.TemporaryDirectory(prefix="justin-wrapper-") as directory:
        wrapper = Path(directory) / "justin-wrapper.pyz"
        for each in plans:
            problem: EngineError | None = unavailable
            if each.submit and not unavailable:
                try:
                    _submit(runtime, each, wrapper if wrapper.exists() else build(wrapper))
                except Unavailable as error:
                    problem = unavailable = error
                except (Refused, ServiceRefused) as error:
                    LOG.exception("no jobs for stage %s", each.stage.stage_id)
                    problem = error
            decisions.append(_decision(each, problem))
    return decisions, unavailable


def _keep_decisions(runtime: Runtime, decisions: Sequence[StageDecision]) -> None:
    with runtime.session() as session:
        demand.put_decisions(session, decisions)
    with runtime.session() as session:
        demand.forget_decisions(session, [decision.stage_id for decision in decisions])


def _decision(of: StagePlan, error: EngineError | None) -> StageDecision:
    """Write down what came of a plan; `error` is why the pool has no new jobs."""
    failed = error is not None and of.submit > 0
    return StageDecision(
        stage_id=of.stage.stage_id,
        waiting_files=of.stage.waiting_files,
        queued_jobs=of.stage.queued_jobs,
        running_jobs=of.stage.running_jobs,
        files_per_job=of.rates.files_per_job,
        success_rate=of.rates.success_rate,
        wanted_jobs=of.wanted,
        submitted_jobs=0 if failed else of.submit,
        limited_by=FactoryLimit.POOL_ERROR if failed else of.limited_by,
        sentence=f"The pool does not take jobs: {error}" if failed else of.sentence,
        sites=of.sites,
        entries=of.entries,
    )


def _line(of: StagePlan, decision: StageDecision) -> Decided:
    return Decided(
        workflow_id=of.stage.workflow_id,
        stage=of.stage.stage_number,
        waiting_files=decision.waiting_files,
        queued=decision.queued_jobs,
        running=decision.running_jobs,
        wanted=decision.wanted_jobs,
        submitted=decision.submitted_jobs,
        limited_by=decision.limited_by,
        why=decision.sentence,
        sites=", ".join(decision.sites),
    )


def _submit(runtime: Runtime, of: StagePlan, wrapper: Path) -> None:
    tickets = tuple(JobTicket(secrets.token_hex(32)) for _ in range(of.submit))
    order = _order(runtime, of, tickets, wrapper)

    def keep(jobsub_ids: Sequence[str]) -> None:
        """Make the jobs known before one of them can ask for work; if we die here, the watch finds them gone."""
        jobs = [
            NewJob(jobsub_id, ticket.secret, secrets.token_hex(32))
            for jobsub_id, ticket in zip(jobsub_ids, tickets, strict=True)
        ]
        with runtime.session() as session:
            demand.insert_jobs(session, jobs, _job_class(order, of.stage), ACTOR)

    runtime.pool.submit(order, keep)
    LOG.info("%s jobs submitted with %s in mind", of.submit, order.hint)


def _order(runtime: Runtime, of: StagePlan, tickets: tuple[JobTicket, ...], wrapper: Path) -> JobOrder:
    settings, stage = runtime.settings, of.stage
    return JobOrder(
        tickets=tickets,
        wrapper=wrapper,
        configuration={
            "allocator_url": settings.allocator.url,
            "instance": settings.instance,
            "code_wait_seconds": settings.rcds.job_wait_seconds,
        },
        processors=stage.processors,
        rss_bytes=stage.rss_bytes,
        wall_seconds=stage.wall_seconds + START_SECONDS,
        gpus=stage.gpus,
        gpu_needs=_gpu_needs(stage),
        accounting_group=stage.accounting_group,
        sites=tuple(of.sites),
        entries=tuple(of.entries),
        open_sites=tuple(of.open_sites),
        avoided=_avoided(runtime, of.sites),
        image=stage.image,
        hint=stage_hints.word(settings.instance, stage.workflow_id, stage.stage_number),
        classads={name: str(value) for name, value in (stage.classads or {}).items()},
    )


def _gpu_needs(stage: StageDemand) -> GpuNeeds:
    return GpuNeeds(
        memory_bytes=stage.gpu_memory_bytes,
        min_capability=stage.gpu_min_capability,
        max_capability=stage.gpu_max_capability,
        min_runtime=stage.gpu_min_runtime,
        model=stage.gpu_model,
    )


def _avoided(runtime: Runtime, sites: Sequence[str]) -> tuple[str, ...]:
    with runtime.session() as session:
        return tuple(f"{node.hostname}@{node.site}" for node in nodes.avoided_nodes(session) if node.site in sites)


def _job_class(order: JobOrder, stage: StageDemand) -> JobClass:
    return JobClass(
        quota_id=stage.quota_id,
        hint_stage_id=stage.stage_id,
        processors=order.processors,
        rss_bytes=order.rss_bytes,
        wall_seconds=order.wall_seconds,
        gpus=order.gpus,
    )


def _remove_surplus(runtime: Runtime, plans: Sequence[StagePlan]) -> int:
    because = Reason(ACTOR, "No file of its stage waits any more.")
    with runtime.session() as session:
        surplus = watching.surplus_jobs(session, SURPLUS_AFTER_SECONDS, of_use=[each.use for each in plans])
        # Only a queued job may become that, so those that have started since are left alone.
        queued = results.lock_jobs(session, [job.job_id for job in surplus], JobState.NOTUSED)
        removed = set(moves.move_jobs(session, queued, JobState.REMOVED, because))
    if removed:
        # If we die before this, the watch takes them out of the pool.
        runtime.pool.remove([job.jobsub_id for job in surplus if job.job_id in removed])
    return len(removed)

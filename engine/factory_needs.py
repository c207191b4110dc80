"""How many jobs a stage could use: from what waits, what is under way, and how its jobs went lately."""

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.settings import Factory
from models.demand import StageDemand


@dataclass(frozen=True, slots=True)
class Rates:
    """What a job of a stage comes to, as far as jobs have shown it."""

    files_per_job: float
    """Processed by a job that ends well."""
    success_rate: float


def rates(stage: StageDemand, limits: Factory) -> Rates:
    """Say what a job of the stage comes to.

    What is taken for granted counts as some jobs more beside those that were seen, so that the first failures of a
    stage neither stop it nor fill the pool.
    """
    prior = limits.prior_jobs
    files = (prior * limits.files_per_job + stage.processed_files) / (prior + stage.fruitful_jobs)
    success = (prior + stage.good_jobs) / (prior + stage.ended_jobs)
    return Rates(min(files, stage.max_files_per_job), max(success, limits.lowest_success))


def useful_jobs(stage: StageDemand, of: Rates) -> int:
    """Count the queued jobs that the stage can use: running ones take files too, those that have not asked yet most.

    A running job that has asked has at least one file, and on the average half of the others are still to come.
    """
    asked = max(0, stage.running_jobs - stage.unasked_jobs)
    taken = asked * max(0.0, of.files_per_job - 1) / 2 * of.success_rate
    good_jobs = math.ceil((stage.waiting_files - taken) / of.files_per_job)
    # Rounded down, so that a few files are not given more jobs for the sake of a rare failure.
    return max(0, math.floor(good_jobs / of.success_rate) - max(0, stage.unasked_jobs))


def requirement_class(stage: StageDemand) -> tuple[object, ...]:
    """Return what jobs of two stages must have in common for one to serve the other wherever it starts."""
    gpus = (stage.gpus, stage.gpu_memory_bytes, stage.gpu_min_capability, stage.gpu_max_capability)
    return (
        *(stage.quota_id, stage.processors, stage.rss_bytes, stage.wall_seconds, stage.image),
        *(*gpus, stage.gpu_min_runtime, stage.gpu_model),
        json.dumps(stage.classads, sort_keys=True),
    )


@dataclass(slots=True)
class Spare:
    """Queued jobs of one stage that it has no use for, and that others of its class may count on."""

    stage_id: int
    of_class: tuple[object, ...]
    sites: frozenset[str]
    jobs: int
    lent: int = 0

    @classmethod
    def of(cls, stage: StageDemand, useful: int) -> "Spare":
        """Return what a stage can spare; without knowledge of where its jobs may run, nothing."""
        if stage.max_jobs is not None:
            useful = min(useful, max(0, stage.max_jobs - stage.running_jobs))
        jobs = max(0, stage.queued_jobs - useful) if stage.queued_sites else 0
        return cls(stage.stage_id, requirement_class(stage), frozenset(stage.queued_sites), jobs)


def borrow(spares: Sequence[Spare], stage: StageDemand, sites: Collection[str], wanted: int) -> int:
    """Let a stage count on jobs that others can spare and that may run just where its own would.

    Where they may run elsewhere too they may find none of its files in reach; where they may run in fewer places, and
    nothing starts there, the stage would wait for them.
    """
    of_class, borrowed = requirement_class(stage), 0
    for spare in spares:
        if spare.of_class == of_class and spare.stage_id != stage.stage_id and spare.sites == frozenset(sites):
            jobs = min(spare.jobs - spare.lent, wanted - borrowed)
            spare.lent += jobs
            borrowed += jobs
    return borrowed

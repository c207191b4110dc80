"""Why a stage has no more jobs, in a sentence for its owner."""

from collections.abc import Callable, Mapping
from typing import Final

from engine.settings import Factory
from justin.states import FactoryLimit
from models.demand import StageDemand

_MINUTE_SECONDS: Final = 60

_SENTENCES: Final[Mapping[FactoryLimit, Callable[[StageDemand, Factory], str]]] = {
    FactoryLimit.NOTHING_WANTED: lambda stage, _: _nothing_wanted(stage),
    FactoryLimit.AS_WANTED: lambda _stage, _limits: "As many jobs were submitted as the waiting files ask for.",
    FactoryLimit.NO_PLACE: lambda _stage, _limits: (
        "No site from which the waiting files are within reach is enabled, allowed and fit for the stage's jobs."
    ),
    FactoryLimit.NOT_STARTING: lambda stage, limits: (
        f"Of its {stage.queued_jobs:,} queued jobs none has started for {_minutes(limits)} minutes:"
        " no more are added where these could run."
    ),
    FactoryLimit.POOL_NOT_STARTING: lambda _, limits: (
        f"The pool has started no job for {_minutes(limits)} minutes:"
        f" until it does, {limits.first_wave:,} jobs are queued for a stage."
    ),
    FactoryLimit.FIRST_WAVE: lambda _, limits: (
        f"None of its jobs has ended well since the workflow began to run: {limits.first_wave:,} are tried at a time."
    ),
    FactoryLimit.STAGE_CAP: lambda stage, _: f"The stage may have {stage.max_jobs or 0:,} jobs at a time.",
    FactoryLimit.QUOTA: lambda stage, _: f"The quota may have {stage.quota_max_jobs:,} jobs at a time.",
    FactoryLimit.IDLE_CAP: lambda _, limits: f"{limits.max_idle_per_stage:,} jobs are queued for a stage at most.",
    FactoryLimit.SITE_CAP: lambda _, limits: (
        f"At every site within reach {limits.max_idle_per_site:,} jobs may be queued, and are."
    ),
    FactoryLimit.ENTRY_CAP: lambda _, limits: (
        f"Through every entry within reach {limits.max_idle_per_entry:,} jobs may be queued, and are."
    ),
    FactoryLimit.POOL_CAP: lambda _, limits: f"In the whole pool {limits.max_idle:,} jobs may be queued.",
    FactoryLimit.CYCLE_CAP: lambda _, limits: (
        f"A cycle submits {limits.max_submit_per_cycle:,} jobs: the next one goes on."
    ),
}


def sentence(limited_by: FactoryLimit, stage: StageDemand, limits: Factory, why_to_wait: str) -> str:
    """Say what kept the stage from more jobs."""
    if limited_by is FactoryLimit.RUCIO_SLOW:
        return why_to_wait
    return _SENTENCES[limited_by](stage, limits)


def _nothing_wanted(stage: StageDemand) -> str:
    if not stage.waiting_files:
        return "No file waits for a job."
    return "The jobs that are queued and run will take the files that wait."


def _minutes(limits: Factory) -> str:
    return f"{limits.not_starting_seconds / _MINUTE_SECONDS:g}"

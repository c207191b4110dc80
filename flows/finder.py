"""The finder: input files, and where they lie."""

from typing import Any

from prefect import flow
from prefect.futures import PrefectFuture, wait
from prefect.task_runners import ThreadPoolTaskRunner

from flows import artifacts
from tasks import finder, storages

AT_ONCE = 4
"""Workflows or stages: as many questions as the catalogues are asked at the same time."""


@flow(
    name="finder",
    task_runner=ThreadPoolTaskRunner(max_workers=AT_ONCE),  # type: ignore[arg-type]  # narrower than Prefect says
)
def find_files() -> list[PrefectFuture[Any]]:
    """Find the files of every workflow that is due, then copies of every file that has none yet."""
    found = finder.find_files.map(finder.workflows_due())
    wait(found)
    stages = finder.stages_to_locate()
    if stages:
        storages.measure_rucio()
    located = finder.locate_files.map(stages)
    futures: list[PrefectFuture[Any]] = [*found, *located]
    reports = (future.result(raise_on_failure=False) for future in futures)
    artifacts.publish("finder", "Files found and located", reports)
    return futures

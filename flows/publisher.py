"""The publisher: whoever is to be told of events is told."""

from typing import Any

from prefect import flow
from prefect.futures import PrefectFuture, wait
from prefect.task_runners import ThreadPoolTaskRunner

from flows import artifacts
from tasks import publisher

AT_ONCE = 8
"""Those who are told at the same time, so that one that does not answer holds up no other."""


@flow(
    name="publisher",
    task_runner=ThreadPoolTaskRunner(max_workers=AT_ONCE),  # type: ignore[arg-type]  # narrower than Prefect says
)
def publish_events() -> list[PrefectFuture[Any]]:
    """Tell each of the events that it does not know yet."""
    futures: list[PrefectFuture[Any]] = [*publisher.publish.map(publisher.sinks())]
    wait(futures)
    reports = (future.result(raise_on_failure=False) for future in futures)
    artifacts.publish("publisher", "Events published", reports)
    return futures

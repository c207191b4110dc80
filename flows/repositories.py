"""Repositories: users' code comes to where jobs see it, and stays there as long as it is used."""

from typing import Any

from prefect import flow
from prefect.futures import PrefectFuture, wait
from prefect.task_runners import ThreadPoolTaskRunner

from flows import artifacts
from tasks import repositories

AT_ONCE = 4
"""Repositories that are fetched and sent at the same time."""


@flow(
    name="repositories",
    task_runner=ThreadPoolTaskRunner(max_workers=AT_ONCE),  # type: ignore[arg-type]  # narrower than Prefect says
)
def publish_repositories() -> list[PrefectFuture[Any]]:
    """Publish and renew what is due, start the workflows that waited for it, and look for tags that moved."""
    futures: list[PrefectFuture[Any]] = list(repositories.publish_repository.map(repositories.repositories_due()))
    wait(futures)
    repositories.start_workflows()
    reports = [future.result(raise_on_failure=False) for future in futures]
    artifacts.publish("repositories", "Repositories that were published, or could not be", reports)
    artifacts.publish("code-drift", "Tags and branches that moved", repositories.watch_references().changes)
    return futures

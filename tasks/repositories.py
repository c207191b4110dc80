"""Prefect tasks around `engine.repositories` and `engine.code_drift`."""

from prefect import task

from engine import code_drift, repositories, wiring
from engine.code_drift import DriftReport
from engine.repositories import Published, Started


@task(name="repositories-due")
def repositories_due() -> list[str]:
    """List what is to be published or renewed now, each as ORG/REPO@COMMIT."""
    return repositories.repositories_due(wiring.current())


@task(name="publish-repository", tags=["git", "rcds"])
def publish_repository(code: str) -> Published:
    """Bring one repository nearer to where jobs see it."""
    return repositories.publish_repository(wiring.current(), code)


@task(name="start-workflows")
def start_workflows() -> Started:
    """Let the workflows run all of whose repositories are published."""
    return repositories.start_workflows(wiring.current())


@task(name="watch-references", tags=["git"])
def watch_references() -> DriftReport:
    """Tell the owners of running workflows whose tags or branches have moved."""
    return code_drift.watch_references(wiring.current())

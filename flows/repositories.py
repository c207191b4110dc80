"""Repositories: whether the code that running workflows name is still where it was."""

from prefect import flow

from engine.code_drift import DriftReport
from flows import artifacts
from tasks import repositories


@flow(name="repositories")
def watch_repositories() -> DriftReport:
    """Tell the owners of running workflows whose tags or branches have moved."""
    report = repositories.watch_references()
    artifacts.publish("repositories", "Tags and branches that have moved", report.changes)
    return report

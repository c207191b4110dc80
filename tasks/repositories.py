"""Prefect task around `engine.code_drift`."""

from prefect import task

from engine import code_drift, wiring
from engine.code_drift import DriftReport


@task(name="watch-references", tags=["git"])
def watch_references() -> DriftReport:
    """Tell the owners of running workflows whose tags or branches have moved."""
    return code_drift.watch_references(wiring.current())

"""Reconciler: what the database, the catalogues and the storages say of outputs is compared, and mended."""

from itertools import takewhile

from prefect import flow

from engine.reconciler import Reconciled
from flows import artifacts
from tasks import reconciler

MOST_WORKFLOWS = 10
"""In one cycle, so that its run in the UI stays readable."""


@flow(name="reconciler")
def reconcile() -> list[Reconciled]:
    """Check the workflows that are due, those that have waited longest first."""
    reports = list(takewhile(bool, (reconciler.reconcile() for _ in range(MOST_WORKFLOWS))))
    artifacts.publish("reconciler", "Workflows whose books were compared", reports)
    return reports

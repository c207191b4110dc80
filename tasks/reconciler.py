"""Prefect tasks around `engine.reconciler`."""

from prefect import task

from engine import reconciler, wiring
from engine.reconciler import Reconciled


@task(name="reconcile", tags=["metacat", "rucio"])
def reconcile() -> Reconciled:
    """Check the workflow that has been due for longest."""
    return reconciler.reconcile(wiring.current())

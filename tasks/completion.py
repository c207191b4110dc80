"""Prefect tasks around `engine.completion`."""

from prefect import task

from engine import completion, wiring
from engine.completion import Completed


@task(name="complete-workflows", tags=["metacat", "rucio"])
def complete_workflows() -> Completed:
    """End the workflows that have nothing left to do, and close their datasets."""
    return completion.complete_workflows(wiring.current())

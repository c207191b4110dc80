"""Completion: every workflow comes to an end."""

from prefect import flow

from engine.completion import Completed
from flows import artifacts
from tasks import completion


@flow(name="completion")
def complete_workflows() -> Completed:
    """End the workflows that have nothing left to do, and close their datasets."""
    report = completion.complete_workflows()
    artifacts.publish("completion", "Workflows that came nearer to their end", [report])
    return report

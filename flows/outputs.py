"""Outputs: what jobs have uploaded becomes known to the catalogues."""

from itertools import takewhile

from prefect import flow

from engine.outputs import Registered
from flows import artifacts
from tasks import outputs

MOST_BATCHES = 20
"""In one cycle, so that its run in the UI stays readable."""


@flow(name="outputs")
def register_outputs() -> list[Registered]:
    """Register what waits, batch after batch, until nothing is left or a catalogue cannot take more."""
    batches = (outputs.register_outputs() for _ in range(MOST_BATCHES))
    reports = list(takewhile(bool, batches))
    artifacts.publish("outputs", "Outputs registered", reports)
    return reports

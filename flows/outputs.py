"""Outputs: what jobs have uploaded becomes known to the catalogues."""

from collections.abc import Callable
from itertools import takewhile
from typing import TypeVar

from prefect import flow

from engine.log_registration import LogsRegistered
from engine.outputs import Registered
from flows import artifacts
from tasks import outputs

MOST_BATCHES = 20
"""In one cycle, so that its run in the UI stays readable."""


Report = TypeVar("Report", Registered, LogsRegistered)


@flow(name="outputs")
def register_outputs() -> tuple[list[Registered], list[LogsRegistered]]:
    """Register what waits, batch after batch, until nothing is left or a catalogue cannot take more."""
    reports = _until_done(outputs.register_outputs)
    artifacts.publish("outputs", "Outputs registered", reports)
    logs = _until_done(outputs.register_logs)
    artifacts.publish("logs", "Logs of jobs registered", logs)
    return reports, logs


def _until_done(register: Callable[[], Report]) -> list[Report]:
    return list(takewhile(bool, (register() for _ in range(MOST_BATCHES))))

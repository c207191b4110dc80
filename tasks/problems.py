"""Prefect tasks around `engine.problems`."""

from prefect import task

from engine import problems, wiring
from engine.problems import Paused


@task(name="pause-workflows", tags=[])
def pause_workflows() -> Paused:
    """Pause the workflows most of whose jobs go wrong in the same way."""
    return problems.pause_workflows(wiring.current())

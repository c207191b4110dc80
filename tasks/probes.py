"""Prefect tasks around `engine.probes`."""

from prefect import task

from engine import probes, wiring
from engine.probes import Probed


@task(name="submit-probes", tags=["pool", "rucio"])
def submit_probes() -> Probed:
    """Submit the probes that are due, and forget what old ones found."""
    return probes.submit_probes(wiring.current())

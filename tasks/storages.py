"""Prefect tasks around `engine.storages` and `engine.pulses`."""

from prefect import task

from engine import pulses, storages, wiring
from engine.storages import StoragesUpdated


@task(name="update-storages", tags=["rucio"])
def update_storages() -> StoragesUpdated:
    """Write down what Rucio knows of storages, accounts and scopes."""
    return storages.update_storages(wiring.current())


@task(name="measure-rucio", tags=["rucio"])
def measure_rucio() -> float:
    """Measure how many seconds Rucio takes to answer."""
    return pulses.measure(wiring.current()).seconds

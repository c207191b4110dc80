"""Storages: what Rucio knows of them, who may use how much, and how fast it answers."""

from prefect import flow

from engine.storages import StoragesUpdated
from flows import artifacts
from tasks import storages


@flow(name="storages")
def update_storages() -> StoragesUpdated:
    """Write down what Rucio knows of storages, accounts and scopes."""
    report = storages.update_storages()
    artifacts.publish("storages", "Storages that Rucio knows", [report])
    return report

"""Partitions: the table of events is kept in order."""

from prefect import flow

from engine.partitions import PartitionsKept
from flows import artifacts
from tasks import partitions


@flow(name="partitions")
def keep_partitions() -> PartitionsKept:
    """Make room for the events of the coming months, and drop those that are too old."""
    report = partitions.keep_partitions()
    artifacts.publish("partitions", "Partitions of the events", [report])
    return report

"""Prefect task around `engine.partitions`."""

from prefect import task

from engine import partitions, wiring
from engine.partitions import PartitionsKept


@task(name="keep-partitions")
def keep_partitions() -> PartitionsKept:
    """Make room for the events of the coming months, and drop those that are too old."""
    return partitions.keep_partitions(wiring.current())

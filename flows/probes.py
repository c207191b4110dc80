"""Probes: what each site can read and write at each storage is tried, again and again."""

from prefect import flow

from engine.probes import Probed
from flows import artifacts
from tasks import probes


@flow(name="probes")
def submit_probes() -> Probed:
    """Submit the probes that are due, and forget what old ones found."""
    report = probes.submit_probes()
    artifacts.publish("probes", "Probes that were submitted, and storages that are withheld or offered again", [report])
    return report

"""A slot that says where it is: its site and node are looked up, and what it tells of its entry is kept."""

from dataclasses import dataclass
from datetime import datetime

from models.database import Session
from models.statements import load

_ARRIVE = load("arrive")


@dataclass(frozen=True, slots=True)
class FoundSite:
    """A site as a slot there sees it."""

    site_id: int
    name: str
    enabled: bool
    disabled_reason: str
    avoided_until: datetime | None
    """When the slot's node gets work again; None where it may have it now."""
    failed_jobs: int
    """Those for which the node is avoided."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a job's slot says that it is, and whether jobs can start a container there."""

    jobsub_id: str
    site_name: str
    entry_name: str
    hostname: str
    has_inner_apptainer: bool


def arrive(session: Session, arrival: Arrival) -> FoundSite | None:
    """Return the slot's site, None for an unknown one; an entry of that site is known better from now on."""
    rows = _ARRIVE.run(
        session,
        jobsub_id=arrival.jobsub_id,
        site_name=arrival.site_name,
        entry_name=arrival.entry_name,
        hostname=arrival.hostname,
        has_inner_apptainer=arrival.has_inner_apptainer,
    )
    return FoundSite(*rows[0]) if rows else None

"""Where outputs may go."""

from dataclasses import dataclass

from models.database import Session
from models.statements import load

_OUTPUT_STORAGES = load("output_storages")


@dataclass(frozen=True, slots=True)
class OutputStorage:
    """A storage that takes outputs."""

    storage_id: int
    name: str
    position: int | None
    """Among the stage's own choices, from 0; None for one that the stage does not name."""
    distance: int
    """From the job's site."""
    occupancy: float


def output_storages(session: Session, stage_id: int, site_id: int) -> list[OutputStorage]:
    """List the storages that may take outputs of the stage made at the site, in no order."""
    return [OutputStorage(*row) for row in _OUTPUT_STORAGES.run(session, stage_id=stage_id, site_id=site_id)]

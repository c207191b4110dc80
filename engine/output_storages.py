"""Which storages an output is to be tried at, and in which order."""

import hashlib
from collections.abc import Sequence

from models.queries.storages import OutputStorage


def order(storages: Sequence[OutputStorage], jobsub_id: str) -> list[OutputStorage]:
    """Put the stage's own choices first, then the near and the empty.

    Equals are shuffled by the job's name, so that jobs spread and the repeated call of one job gets the same order.
    """
    return sorted(storages, key=lambda storage: _rank(storage, jobsub_id))


def _rank(storage: OutputStorage, jobsub_id: str) -> tuple[bool, int, int, float, bytes]:
    chosen = storage.position is not None
    tie = hashlib.sha256(f"{jobsub_id} {storage.name}".encode()).digest()
    return (not chosen, storage.position or 0, storage.distance, round(storage.occupancy, 2), tie)

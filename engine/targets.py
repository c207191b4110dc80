"""The places that a job is offered for its outputs."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from engine import output_storages
from engine.errors import ServiceRefused, Unavailable
from engine.runtime import Runtime
from justin.schemas.jobs import UploadTarget
from models.queries.storages import OutputStorage

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """An address at a storage where an output may be put."""

    storage_id: int
    rse: str
    url: str

    def document(self) -> dict[str, Any]:
        """Say it as it is kept for a repetition."""
        return asdict(self)

    def offer(self) -> UploadTarget:
        """Say it as the wrapper reads it."""
        return UploadTarget(rse=self.rse, protocol=urlsplit(self.url).scheme, url=self.url)


def choose(
    runtime: Runtime, found: Sequence[OutputStorage], jobsub_id: str, dids: Sequence[str]
) -> dict[str, list[Target]]:
    """Give each output its targets in the order in which they are to be tried.

    Rucio is asked for all outputs at once, storage by storage, until enough storages have said where. Raises
    `Unavailable` when Rucio does not answer or no storage takes anything: the job may ask again.
    """
    chosen: dict[str, list[Target]] = {did: [] for did in dids}
    wanted = runtime.settings.allocator.upload_targets
    for storage in output_storages.order(found, jobsub_id):
        if wanted and dids:
            wanted -= _put(runtime, storage, dids, chosen)
    if not all(chosen.values()):
        raise Unavailable("No storage takes outputs of this stage now.")
    return chosen


def _put(runtime: Runtime, storage: OutputStorage, dids: Sequence[str], chosen: dict[str, list[Target]]) -> bool:
    """Add a storage's addresses; one that cannot take all of the outputs is passed over."""
    try:
        pfns = runtime.rucio.write_pfns(storage.name, dids, runtime.settings.replicas.schemes)
    except ServiceRefused as error:
        log.warning("%s takes no outputs: %s", storage.name, error)
        return False
    if not all(pfns.get(did) for did in dids):
        return False
    for did in dids:
        chosen[did] += [Target(storage.storage_id, storage.name, url) for url in pfns[did]]
    return True

"""The places that a job is offered for its outputs and its logs."""

import logging
from collections.abc import Mapping, Sequence
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
    """An address at a storage, or in scratch space, where an output may be put."""

    storage_id: int | None
    """None in scratch space."""
    rse: str
    url: str

    def document(self) -> dict[str, Any]:
        """Say it as it is kept for a repetition."""
        return asdict(self)

    def offer(self, token: str = "") -> UploadTarget:
        """Say it as the wrapper reads it; the token is for scratch space, and no other place is told it."""
        protocol = urlsplit(self.url).scheme
        return UploadTarget(
            rse=self.rse, protocol=protocol, url=self.url, token=token if self.storage_id is None else ""
        )


def choose(
    runtime: Runtime, found: Sequence[OutputStorage], jobsub_id: str, dids: Sequence[str], also: Sequence[str] = ()
) -> dict[str, list[Target]]:
    """Give each file its targets in the order in which they are to be tried.

    Rucio is asked for all files at once, storage by storage, until enough storages have said where. Raises
    `Unavailable` when Rucio does not answer or no storage takes the files: the job may ask again. The files in `also`
    have targets where that is possible at no cost to the others.
    """
    chosen: dict[str, list[Target]] = {did: [] for did in (*dids, *also)}
    wanted = runtime.settings.allocator.upload_targets
    for storage in output_storages.order(found, jobsub_id):
        if wanted and dids:
            pfns = _ask(runtime, storage, dids, also)
            for did, urls in pfns.items():
                chosen[did] += [Target(storage.storage_id, storage.name, url) for url in urls]
            wanted -= bool(pfns)
    if not all(chosen[did] for did in dids):
        raise Unavailable("No storage takes outputs of this stage now.")
    return chosen


def _ask(
    runtime: Runtime, storage: OutputStorage, dids: Sequence[str], also: Sequence[str]
) -> Mapping[str, Sequence[str]]:
    """Return a storage's addresses for the files; none at all when it cannot take all but those in `also`."""
    try:
        pfns = runtime.rucio.write_pfns(storage.name, [*dids, *also], runtime.settings.replicas.schemes)
    except ServiceRefused as error:
        if also:
            return _ask(runtime, storage, dids, ())
        log.warning("%s takes no outputs: %s", storage.name, error)
        return {}
    return pfns if all(pfns.get(did) for did in dids) else {}

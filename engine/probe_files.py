"""The small files that probes read and write: one that stays at each storage, and one of each probe that goes again.

What stays is known to Rucio, so that a probe is given the same addresses as a job that reads; it is written by a probe
where it is missing, and made known before the next ones are submitted.
"""

import logging
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from engine.errors import Refused, ServiceRefused
from engine.ports import FileReplica, NewFile
from engine.runtime import Runtime
from engine.settings import Settings
from justin.schemas.jobs import StorageTrial, UploadTarget
from models.probes import StorageToProbe

LOG = logging.getLogger(__name__)

CONTENT: Final = (
    "justIN reads this to find out whether a storage can be read, and writes it where it is missing.\n" * 20
)
_BYTES: Final = CONTENT.encode()
_ADLER32: Final = f"{zlib.adler32(_BYTES):08x}"


@dataclass(frozen=True, slots=True)
class Places:
    """What Rucio says of the storages, for some probes at once."""

    known: dict[str, FileReplica]
    """Where the file that stays lies, by storage."""
    writing: dict[str, dict[str, list[str]]]
    """By storage and DID, the addresses to write to."""


def own_did(settings: Settings, token: str) -> str:
    """Return the DID that one probe writes under, which no other has."""
    prefix = f"{settings.instance}-" if settings.instance else ""
    return f"{settings.probes.scope}:{prefix}justin-probe-{token}.txt"


def lasting_did(settings: Settings) -> str:
    """Return the DID of the file that stays; other content has another name."""
    return own_did(settings, _ADLER32)


def look_up(runtime: Runtime, storages: Iterable[StorageToProbe], dids: Sequence[str]) -> Places:
    """Ask Rucio where the file that stays lies, and where it and the files of these probes may be written.

    Raises `Unavailable` when Rucio does not answer.
    """
    by_rse = {storage.rse: storage for storage in storages}
    known = _known(runtime)
    written = [rse for rse, storage in by_rse.items() if storage.any_write and rse not in known]
    if _make_known(runtime, written):
        known = _known(runtime)
    wanted = [lasting_did(runtime.settings), *dids]
    writing = {rse: _write_pfns(runtime, rse, wanted) for rse, storage in by_rse.items() if storage.writable}
    return Places(known, writing)


def trials(storages: Iterable[StorageToProbe], places: Places, did: str, lasting: str) -> list[dict[str, Any]]:
    """Say what one probe is to try at each storage; storages where there is nothing to be tried are left out."""
    found = [(storage.storage_id, _trial(storage, places, did, lasting)) for storage in storages]
    return [
        {"storage_id": storage_id, "trial": trial.model_dump()}
        for storage_id, trial in found
        if trial.read_url or trial.targets
    ]


def _trial(storage: StorageToProbe, places: Places, did: str, lasting: str) -> StorageTrial:
    known = places.known.get(storage.rse)
    # What no site can read is lost, or the storage is ill: to write it again heals the one and does the other no harm.
    keep = known is None or storage.any_read is False
    urls = places.writing.get(storage.rse, {}).get(lasting if keep else did, [])
    return StorageTrial(
        rse=storage.rse,
        read_url=_read_url(known, storage.distance) if known and storage.readable else "",
        targets=[UploadTarget(rse=storage.rse, protocol=urlsplit(url).scheme, url=url) for url in urls],
        keep=keep,
    )


def _read_url(replica: FileReplica, distance: int) -> str:
    """Give the address that a job there would be given."""
    return (replica.lan_pfn if distance == 0 else None) or replica.wan_pfn


def _known(runtime: Runtime) -> dict[str, FileReplica]:
    (located,) = runtime.rucio.locate([lasting_did(runtime.settings)])
    return {replica.rse: replica for replica in located.replicas}


def _write_pfns(runtime: Runtime, rse: str, dids: Sequence[str]) -> dict[str, list[str]]:
    try:
        return runtime.rucio.write_pfns(rse, dids, runtime.settings.replicas.schemes)
    except ServiceRefused as error:
        LOG.info("nothing can be tried to be written at %s: %s", rse, error)
        return {}


def _make_known(runtime: Runtime, rses: Sequence[str]) -> bool:
    """Register the file that stays where probes have written it, with a rule that keeps it; say whether it was."""
    if not rses:
        return False
    did = lasting_did(runtime.settings)
    account = runtime.settings.rucio.account
    file = NewFile(did, len(_BYTES), _ADLER32)
    done = 0
    for rse in rses:
        try:
            runtime.rucio.ensure_scope(runtime.settings.probes.scope, account)
            runtime.rucio.register(rse, [file])
            runtime.rucio.ensure_rule(did, account, rse, None)
            done += 1
        except Refused as error:
            # Reading back what was just written is tried there instead.
            LOG.warning("the file for probes at %s cannot be registered: %s", rse, error)
    return bool(done)

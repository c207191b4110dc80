"""Outputs as the database, MetaCat, Rucio and the storages know them: compared, and mended where the policy says so."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from engine import reconciliation_bytes, registration
from engine.errors import Refused
from engine.ports import FileRecord
from engine.reconciliation_bytes import Bytes
from engine.reconciliation_policy import remedy
from engine.registration import CONFIRMED
from engine.runtime import Runtime
from justin.schemas.metadata import STATUS_KEY, WORKFLOW_KEY
from justin.states import FindingKind
from models.outbox import OutboxItem
from models.reconciliation import METACAT, RUCIO, Dropped, Found

KINDS: Final = (
    FindingKind.METACAT_FILE_MISSING,
    FindingKind.METACAT_FILE_DIFFERS,
    FindingKind.METADATA_LOST,
    FindingKind.STATUS_NOT_CONFIRMED,
    FindingKind.PARENTS_MISSING,
    FindingKind.RUCIO_FILE_MISSING,
    FindingKind.RUCIO_FILE_DIFFERS,
    FindingKind.BYTES_MISSING,
    FindingKind.BYTES_DIFFER,
)
REGISTERED_AGAIN: Final = frozenset({FindingKind.METACAT_FILE_MISSING, FindingKind.RUCIO_FILE_MISSING})
NAMES_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Known:
    """What the outside knows of some outputs, by DID."""

    in_metacat: Mapping[str, FileRecord]
    in_rucio: Mapping[str, FileRecord]
    rses: Mapping[str, frozenset[str]]
    """Where Rucio says that there is a copy."""
    at_storages: Mapping[str, Bytes]
    parents: frozenset[str]
    """Those of the parents that are not what MetaCat says and that it knows."""


def look(runtime: Runtime, items: Sequence[OutboxItem], turn: int) -> list[Found]:
    """Say what is wrong with some outputs that should all be known."""
    known = _ask(runtime, items, turn)
    return [found for item in items for found in _compare(item, known)]


def look_dropped(runtime: Runtime, dropped: Sequence[Dropped]) -> list[Found]:
    """Say which dropped outputs the catalogues know, as those that our jobs made."""
    dids = [each.did for each in dropped]
    in_metacat, in_rucio = runtime.metacat.files(dids), runtime.rucio.files(dids)
    return [found for each in dropped for found in _compare_dropped(each, in_metacat, in_rucio)]


def retire(runtime: Runtime, found: Sequence[Found]) -> None:
    """Let no query find dropped outputs."""
    runtime.metacat.retire([each.did for each in found if each.repairable])


def repair(runtime: Runtime, items: Sequence[OutboxItem], found: Sequence[Found]) -> dict[str, str]:
    """Mend what can be mended, and return why not, by DID; raises `Unavailable`."""
    by_did = {item.did: item for item in items}
    mendable = [each for each in found if each.repairable]
    again = sorted({each.did for each in mendable if each.kind in REGISTERED_AGAIN})
    problems = _register(runtime, [by_did[did] for did in again])
    for each in mendable:
        if each.kind is FindingKind.METADATA_LOST:
            names = set(each.expected.split(", "))
            lost = {key: value for key, value in by_did[each.did].metadata.items() if key in names}
            problems |= _trying(each.did, partial(runtime.metacat.update_metadata, [each.did], lost))
        elif each.kind is FindingKind.PARENTS_MISSING:
            parents = each.expected.split(", ")
            problems |= _trying(each.did, partial(runtime.metacat.add_parents, each.did, parents))
    status = [each.did for each in mendable if each.kind is FindingKind.STATUS_NOT_CONFIRMED]
    if status:
        confirmed = {STATUS_KEY: CONFIRMED}
        problems |= _trying(status[0], lambda: runtime.metacat.update_metadata(status, confirmed))
    return problems


def _register(runtime: Runtime, items: Sequence[OutboxItem]) -> dict[str, str]:
    """Tell the catalogues as if for the first time; one by one when some are refused."""
    if not items:
        return {}
    try:
        registration.register(runtime, items)
    except Refused as error:
        if len(items) == 1:
            return {items[0].did: str(error)}
        return {did: why for item in items for did, why in _register(runtime, [item]).items()}
    return {}


def _trying(did: str, act: Callable[[], None]) -> dict[str, str]:
    try:
        act()
    except Refused as error:
        return {did: str(error)}
    return {}


def _ask(runtime: Runtime, items: Sequence[OutboxItem], turn: int) -> Known:
    dids = [item.did for item in items]
    with ThreadPoolExecutor(4) as threads:
        metacat = threads.submit(runtime.metacat.files, dids)
        rucio = threads.submit(runtime.rucio.files, dids)
        located = threads.submit(lambda: list(runtime.rucio.locate(dids)))
        seen = threads.submit(reconciliation_bytes.look, runtime.settings.reconciler, items, turn)
        in_metacat = metacat.result()
        rses = {file.did: frozenset(replica.rse for replica in file.replicas) for file in located.result()}
        missing = _missing_parents(items, in_metacat)
        parents = frozenset(runtime.metacat.files(sorted(missing))) if missing else frozenset()
        return Known(in_metacat, rucio.result(), rses, seen.result(), parents)


def _missing_parents(items: Sequence[OutboxItem], in_metacat: Mapping[str, FileRecord]) -> set[str]:
    return {
        parent
        for item in items
        if item.did in in_metacat
        for parent in set(item.parents) - set(in_metacat[item.did].parents)
    }


def _compare(item: OutboxItem, known: Known) -> Iterator[Found]:
    bytes_are = known.at_storages.get(item.did)
    wrong_bytes = list(_compare_bytes(item, bytes_are))
    yield from wrong_bytes
    yield from _compare_metacat(item, known, mendable=not wrong_bytes)
    yield from _compare_rucio(item, known, mendable=bytes_are is not None and not wrong_bytes)


def _compare_bytes(item: OutboxItem, bytes_are: Bytes | None) -> Iterator[Found]:
    if bytes_are is None:
        return
    if bytes_are.size_bytes is None:
        yield _found(FindingKind.BYTES_MISSING, item, item.rse, item.pfn, "no such file")
    elif bytes_are.size_bytes != item.size_bytes or bytes_are.adler32 not in {None, item.adler32}:
        found = _size(bytes_are.size_bytes, bytes_are.adler32)
        yield _found(FindingKind.BYTES_DIFFER, item, item.rse, _size(item.size_bytes, item.adler32), found)


def _compare_metacat(item: OutboxItem, known: Known, *, mendable: bool) -> Iterator[Found]:
    record = known.in_metacat.get(item.did)
    if record is None or record.retired:
        found = "retired" if record else "unknown"
        # A file that Rucio knows otherwise can be declared only together with a wrong book.
        mendable = mendable and record is None and _is_alike(item, known.in_rucio.get(item.did))
        mendable = mendable and item.rse in known.rses.get(item.did, frozenset()) | _seen(item, known)
        yield _found(FindingKind.METACAT_FILE_MISSING, item, METACAT, "declared", found, mendable)
        return
    job_id = _job_id(record.metadata)
    if not _is_alike(item, record):
        expected, found = _size(item.size_bytes, item.adler32), _size(record.size_bytes, record.adler32)
        yield _found(FindingKind.METACAT_FILE_DIFFERS, item, METACAT, expected, found)
    elif job_id not in {"", item.jobsub_id}:
        yield _found(FindingKind.METACAT_FILE_DIFFERS, item, METACAT, f"of job {item.jobsub_id}", f"of job {job_id}")
    else:
        yield from _compare_metadata(item, record, known.parents)


def _seen(item: OutboxItem, known: Known) -> frozenset[str]:
    return frozenset({item.rse} if item.did in known.at_storages else ())


def _compare_metadata(item: OutboxItem, record: FileRecord, known_parents: frozenset[str]) -> Iterator[Found]:
    lost = [key for key in sorted(item.metadata) if key != STATUS_KEY and key not in record.metadata]
    if WORKFLOW_KEY in item.metadata and WORKFLOW_KEY not in lost and not _job_id(record.metadata):
        lost.append(WORKFLOW_KEY)
    if lost:
        yield _found(FindingKind.METADATA_LOST, item, METACAT, ", ".join(lost), "no such keys", repairable=True)
    status = record.metadata.get(STATUS_KEY)
    if status != CONFIRMED:
        yield _found(FindingKind.STATUS_NOT_CONFIRMED, item, METACAT, CONFIRMED, str(status), repairable=True)
    missing = sorted((set(item.parents) - set(record.parents)) & known_parents)
    if missing:
        found = f"{len(record.parents)} other parents"
        yield _found(FindingKind.PARENTS_MISSING, item, METACAT, ", ".join(missing), found, repairable=True)


def _compare_rucio(item: OutboxItem, known: Known, *, mendable: bool) -> Iterator[Found]:
    record = known.in_rucio.get(item.did)
    there = known.rses.get(item.did, frozenset())
    if record is not None and not _is_alike(item, record):
        expected, found = _size(item.size_bytes, item.adler32), _size(record.size_bytes, record.adler32)
        yield _found(FindingKind.RUCIO_FILE_DIFFERS, item, RUCIO, expected, found)
    elif record is None or item.rse not in there:
        found = "unknown" if record is None else f"copies at {', '.join(sorted(there)[:NAMES_SHOWN]) or 'no storage'}"
        yield _found(FindingKind.RUCIO_FILE_MISSING, item, RUCIO, f"a copy at {item.rse}", found, mendable)


def _compare_dropped(
    dropped: Dropped, in_metacat: Mapping[str, FileRecord], in_rucio: Mapping[str, FileRecord]
) -> Iterator[Found]:
    declared, known = in_metacat.get(dropped.did), in_rucio.get(dropped.did)
    # Another job's file, or a user's, may have the name by right.
    if declared and not declared.retired and _job_id(declared.metadata) == dropped.jobsub_id:
        yield _found_dropped(dropped, METACAT, "declared", repairable=True)
    if known and (known.size_bytes, known.adler32) == (dropped.size_bytes, dropped.adler32):
        yield _found_dropped(dropped, RUCIO, "registered", repairable=False)


def _found_dropped(dropped: Dropped, place: str, found: str, *, repairable: bool) -> Found:
    kind = FindingKind.DROPPED_FILE_KNOWN
    return Found(kind, dropped.did, place, "dropped", found, repairable, remedy(kind), file_id=dropped.file_id)


def _job_id(metadata: Mapping[str, Any]) -> str:
    about = metadata.get(WORKFLOW_KEY)
    return str(about.get("job_id", "")) if isinstance(about, Mapping) else ""


def _is_alike(item: OutboxItem, record: FileRecord | None) -> bool:
    """Say whether a catalogue knows nothing, or the same, of size and checksum."""
    return record is None or (record.size_bytes, record.adler32) == (item.size_bytes, item.adler32)


def _size(size_bytes: int | None, adler32: str | None) -> str:
    return f"{size_bytes} bytes" + (f", adler32 {adler32}" if adler32 else "")


def _found(
    kind: FindingKind,
    item: OutboxItem,
    place: str,
    expected: str,
    found: str,
    repairable: bool = False,  # noqa: FBT001, FBT002  of what is found
) -> Found:
    return Found(kind, item.did, place, expected, found, repairable, remedy(kind), file_id=item.file_id)

"""From which files, by which code and where a file was made, read from MetaCat alone, however long that is ago."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from engine import makers
from engine.errors import InvalidInput, NotFound
from engine.ports import FileRecord, MetadataCatalog
from justin.schemas.metadata import STATUS_KEY, STRANGERS_KEY, WORKFLOW_KEY
from justin.schemas.provenance import MakerView, Provenance, ProvenanceFile, RunView

MOST_NAMED: Final = 100
"""Of the files that are not followed, so many are named."""


@dataclass(slots=True)
class _Chain:
    """What was found so far."""

    files: dict[str, ProvenanceFile] = field(default_factory=dict)
    makers: dict[str, MakerView] = field(default_factory=dict)
    """By dataset."""
    more: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def trace(metacat: MetadataCatalog, dids: Sequence[str], depth: int | None, limit: int) -> Provenance:
    """Follow files through their parents, generation by generation; each file is read once, circles included.

    At most `depth` generations of parents (None for all) and `limit` files; what is beyond is named and counted.
    Raises `NotFound` for a file that MetaCat does not know.
    """
    for did in dids:
        if not all(did.partition(":")[::2]):
            raise InvalidInput(f"{did!r} is not the DID of a file: write SCOPE:NAME.")
    chain, wanted, generation = _Chain(), list(dict.fromkeys(dids)), 0
    while wanted:
        found = metacat.files(wanted)
        _check_known(wanted, found, chain, generation)
        _add(metacat, chain, found, generation)
        parents = {parent for record in found.values() for parent in record.parents} - chain.files.keys()
        generation += 1
        room = limit - len(chain.files) if depth is None or generation <= depth else 0
        wanted = sorted(parents)[: max(room, 0)]
        chain.more += sorted(parents)[len(wanted) :]
    return _answer(dids, chain)


def _check_known(wanted: Sequence[str], found: Mapping[str, FileRecord], chain: _Chain, generation: int) -> None:
    missing = [did for did in wanted if did not in found]
    if missing and generation == 0:
        raise NotFound(f"MetaCat does not know {missing[0]}.")
    chain.unknown += missing


def _answer(dids: Sequence[str], chain: _Chain) -> Provenance:
    # A file that one way did not reach may have been reached by a longer one.
    more = sorted(set(chain.more) - chain.files.keys())
    used = {file.maker for file in chain.files.values()}
    return Provenance(
        dids=list(dids),
        files=sorted(chain.files.values(), key=lambda file: (file.generation, file.did)),
        makers=sorted((maker for maker in chain.makers.values() if maker.key in used), key=lambda maker: maker.key),
        more=more[:MOST_NAMED],
        more_count=len(more),
        unknown=sorted(chain.unknown),
    )


def _add(metacat: MetadataCatalog, chain: _Chain, found: Mapping[str, FileRecord], generation: int) -> None:
    made_by = _makers(metacat, chain, found)
    for did, record in found.items():
        how = _how(record)
        chain.files[did] = ProvenanceFile(
            did=did,
            generation=generation,
            size_bytes=record.size_bytes,
            adler32=record.adler32,
            metadata={key: value for key, value in record.metadata.items() if key not in _OURS},
            maker=made_by[did].key if did in made_by else None,
            run=RunView.of(how) if how else None,
            parents=sorted(record.parents),
            inputs_elsewhere=_words(record.metadata.get(STRANGERS_KEY)),
        )


_OURS: Final = frozenset({WORKFLOW_KEY, STATUS_KEY, STRANGERS_KEY})


def _words(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _how(record: FileRecord) -> Mapping[str, Any]:
    """Return what this system wrote about the run that made a file; nothing for a file of others."""
    how = record.metadata.get(WORKFLOW_KEY)
    known = isinstance(how, Mapping) and all(isinstance(how.get(key), int) for key in ("workflow_id", "stage_id"))
    return how if known and isinstance(how, Mapping) else {}


def _makers(metacat: MetadataCatalog, chain: _Chain, found: Mapping[str, FileRecord]) -> dict[str, MakerView]:
    """Find the kind of output that each file is.

    Asking for the datasets of each file takes a call each, so the files of a stage are first looked for in the
    datasets that are known.
    """
    made_by: dict[str, MakerView] = {}
    left = [did for did in found if _how(found[did])]
    for maker in list(chain.makers.values()):
        left = _settle(metacat, made_by, maker, left, found)
    while left:
        did = left.pop()
        maker = _maker_of(metacat, did, _how(found[did]))
        chain.makers.setdefault(maker.dataset or maker.key, maker)
        made_by[did] = maker
        left = _settle(metacat, made_by, maker, left, found)
    return made_by


def _settle(
    metacat: MetadataCatalog,
    made_by: dict[str, MakerView],
    maker: MakerView,
    left: Sequence[str],
    found: Mapping[str, FileRecord],
) -> list[str]:
    """Note the files that are in the maker's dataset, and return the others."""
    likely = [did for did in left if _may_be_of(maker, did, _how(found[did]))]
    if not likely:
        return list(left)
    inside = set(likely) - metacat.missing_from(maker.dataset, likely) if maker.dataset else set()
    made_by.update(dict.fromkeys(inside, maker))
    return [did for did in left if did not in inside]


def _may_be_of(maker: MakerView, did: str, how: Mapping[str, Any]) -> bool:
    same = (how["workflow_id"], how["stage_id"]) == (maker.workflow_id, maker.stage_id)
    return same and fnmatchcase(did.partition(":")[2], maker.file_pattern or "*")


def _maker_of(metacat: MetadataCatalog, did: str, how: Mapping[str, Any]) -> MakerView:
    """Read what a dataset tells of the file's stage: the one of all files of its kind before those of a storage."""
    told = []
    for dataset in sorted(metacat.datasets_of(did)):
        about = (metacat.dataset_metadata(dataset) or {}).get(WORKFLOW_KEY)
        if isinstance(about, Mapping) and _same_stage(about, how):
            told.append(makers.read(dataset, about))
    return min(told, key=_all_files_first) if told else makers.unrecorded(did, how)


def _same_stage(about: Mapping[str, Any], how: Mapping[str, Any]) -> bool:
    return all(about.get(key) == how[key] for key in ("workflow_id", "stage_id"))


def _all_files_first(maker: MakerView) -> tuple[bool, str]:
    of_pattern = f"w{maker.workflow_id}s{maker.stage_id}p{maker.pattern_id}"
    return not maker.dataset.endswith(of_pattern), maker.dataset

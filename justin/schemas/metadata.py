"""The metadata of an output, `NAME.json`: how it is read, and what MetaCat would not take of it.

The server holds a job's metadata to these rules before anything is uploaded, and `justin check-metadata` tells of them
before there is any job. MetaCat may be set up to want more, by categories: the server alone knows that.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

WORKFLOW_KEY: Final = "dune.workflow"
STATUS_KEY: Final = "dune.output_status"
STRANGERS_KEY: Final = "justin.inputs_elsewhere"
"""Inputs that MetaCat does not know, and so cannot name as parents: Monte Carlo counters, files of Rucio alone."""
RESERVED_KEYS: Final = (WORKFLOW_KEY, STATUS_KEY, STRANGERS_KEY)
"""The system's own; what a file says under them is replaced."""

MAX_BYTES: Final = 1 << 20
MAX_FILE_BYTES: Final = 16 << 20
MAX_DEPTH: Final = 32
MAX_PARENTS: Final = 10_000
MAX_NAME: Final = 512
"""Characters of a DID."""
MAX_KEY: Final = 255
_COUNTER = re.compile(r"monte-carlo-\d{6,}-\d{6,}")
_FID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_LARGEST_INTEGER: Final = 10**300
"""Beyond it, readers that take numbers for floating-point ones would find infinity."""


@dataclass(frozen=True, slots=True)
class Parents:
    """What an output's metadata names as its parents: files by DID or by MetaCat's identifier, and counters."""

    dids: frozenset[str] = frozenset()
    fids: frozenset[str] = frozenset()
    counters: frozenset[str] = frozenset()
    """Of Monte Carlo, by the names that jobs know them by."""


@dataclass(frozen=True, slots=True)
class Checked:
    """An output's metadata after the checks, and sentences on what is wrong with it."""

    metadata: dict[str, Any] = field(default_factory=dict)
    parents: Parents | None = None
    """None when the user named none: all processed inputs are parents then."""
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    """What is not wrong, and yet may not be what the user expects."""


def check_content(name: str, content: bytes) -> Checked:
    """Check a metadata file of this name."""
    try:
        metadata, parents = _read(content)
    except ValueError as error:
        return Checked(problems=(f"{name}: {error}",))
    return check(name, metadata, parents)


def check(name: str, metadata: Mapping[str, Any] | None, parents: Sequence[Mapping[str, Any]] | None) -> Checked:
    """Say whether MetaCat will take what a metadata file of this name says; keys become lower case."""
    lowered = {key.lower(): value for key, value in (metadata or {}).items()}
    wrong = [*_wrong_keys(metadata or {}), *_wrong_values(lowered)]
    named, wrong_parents = _parents(parents)
    return Checked(
        lowered,
        named,
        tuple(f"{name}: {sentence}" for sentence in (*wrong, *wrong_parents)),
        tuple(
            f"{name}: the key {key!r} is the system's own, and what it says is replaced"
            for key in RESERVED_KEYS
            if key in lowered
        ),
    )


def _read(content: bytes) -> tuple[dict[str, Any], list[dict[str, Any]] | None]:
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"it is larger than {MAX_FILE_BYTES} bytes")
    try:
        told = json.loads(content.decode("utf-8"), object_pairs_hook=_each_once, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(told, dict) or not isinstance(told.get("metadata", {}), dict):
        raise ValueError(  # noqa: TRY004 - it is the file's value that is wrong
            'it is not of the form {"metadata": {...}, "parents": [...]}'
        )
    parents = told.get("parents") or []
    if not isinstance(parents, list) or not all(isinstance(parent, dict) for parent in parents):
        raise ValueError("its parents are not a list of objects")
    return told.get("metadata") or {}, parents or None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:100]!r} is there twice")
        found[key] = value
    return found


def _no_number(written: str) -> float:
    raise ValueError(f"{written} is no number of JSON")


def _wrong_keys(metadata: Mapping[str, Any]) -> Iterator[str]:
    seen: set[str] = set()
    for key in metadata:
        category, _, name = key.rpartition(".")
        if not (category.strip(".") and name) or key != key.strip():
            yield f"the key {key[:100]!r} has no category: write it as CATEGORY.NAME"
        if len(key) > MAX_KEY:
            yield f"the key {key[:100]!r}… is longer than {MAX_KEY} characters"
        if key.lower() in seen:
            yield f"the key {key[:100]!r} is there twice, for keys are lower-cased"
        seen.add(key.lower())


def _wrong_values(metadata: Mapping[str, Any]) -> Iterator[str]:
    for key, value in metadata.items():
        wrong = _wrong(key, 0) or _wrong(value, 0)
        if wrong:
            yield f"the key {key[:100]!r} {wrong}"
            return
    if len(json.dumps(metadata)) > MAX_BYTES:
        yield f"the metadata is larger than {MAX_BYTES} bytes"


def _wrong(value: Any, depth: int) -> str:
    """Say what PostgreSQL's JSON would not take, or nothing."""
    if depth > MAX_DEPTH:
        return f"is nested more than {MAX_DEPTH} deep"
    if isinstance(value, str):
        return _wrong_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "holds a number that JSON cannot hold"
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        return "holds a number that is too large"
    inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return next(filter(None, (_wrong(item, depth + 1) for item in inner)), "")


def _wrong_text(text: str) -> str:
    if "\x00" in text:
        return "holds a NUL character"
    # Half of a pair that stands for one character, which JSON can write and UTF-8 cannot.
    return "holds half a character" if any("\ud800" <= letter <= "\udfff" for letter in text) else ""


def _parents(parents: Sequence[Mapping[str, Any]] | None) -> tuple[Parents | None, list[str]]:
    if not parents:
        return None, []
    if len(parents) > MAX_PARENTS:
        return None, [f"there are more than {MAX_PARENTS} parents"]
    dids, fids, counters, wrong = set(), set(), set(), []
    for parent in parents:
        match parent:
            case {"did": str(did), **rest} if not rest and _COUNTER.fullmatch(did):
                counters.add(did)
            case {"did": str(did), **rest} if not rest and _is_did(did):
                dids.add(did)
            case {"namespace": str(namespace), "name": str(name), **rest} if not rest and _is_did(
                f"{namespace}:{name}"
            ):
                dids.add(f"{namespace}:{name}")
            case {"fid": str(fid), **rest} if not rest and _FID.fullmatch(fid):
                fids.add(fid)
            case _:
                wrong.append(f"the parent {str(dict(parent))[:100]} is not of the form did, fid, or namespace and name")
    return Parents(frozenset(dids), frozenset(fids), frozenset(counters)), wrong


def _is_did(did: str) -> bool:
    namespace, colon, name = did.partition(":")
    return bool(namespace and colon and name) and did.isprintable() and len(did) <= MAX_NAME

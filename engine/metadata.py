"""What MetaCat is told of an output: the user's own metadata, checked, and how the file was made."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.reports import Provenance

WORKFLOW_KEY = "dune.workflow"
STATUS_KEY = "dune.output_status"
RECORDED = "recorded"

MAX_BYTES = 1 << 20
_FID = re.compile(r"[A-Za-z0-9_-]{1,255}")
MAX_DEPTH = 32
MAX_PARENTS = 10_000
MAX_NAME = 512
"""Characters of a DID."""


@dataclass(frozen=True, slots=True)
class Parents:
    """The files that an output's metadata names as its parents, by DID or by MetaCat's identifier."""

    dids: frozenset[str] = frozenset()
    fids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Checked:
    """An output's metadata after the checks, and sentences on what is wrong with it."""

    metadata: dict[str, Any] = field(default_factory=dict)
    parents: Parents | None = None
    """None when the user named none: all processed inputs are parents then."""
    problems: tuple[str, ...] = ()


def check(name: str, metadata: Mapping[str, Any] | None, parents: Sequence[Mapping[str, Any]] | None) -> Checked:
    """Say whether MetaCat will take it, before anything is uploaded; keys become lower case."""
    lowered = {key.lower(): value for key, value in (metadata or {}).items()}
    wrong = [*_wrong_keys(metadata or {}), *_wrong_values(lowered)]
    named, wrong_parents = _parents(parents)
    return Checked(lowered, named, tuple(f"{name}.json: {sentence}" for sentence in (*wrong, *wrong_parents)))


def complete(metadata: Mapping[str, Any], provenance: Provenance) -> dict[str, Any]:
    """Add how the file was made; what is ours wins over a user's key of the same name."""
    return {**metadata, WORKFLOW_KEY: _how(provenance), STATUS_KEY: RECORDED}


def _how(made: Provenance) -> dict[str, Any]:
    """Give the thirteen keys by which DUNE finds out how a file was made."""
    return {
        "site_name": made.job.site,
        "workflow_id": made.job.workflow_id,
        "stage_id": made.job.stage_number,
        "user": made.job.user,
        "hostname": made.job.hostname,
        "jobscript_start": int(made.jobscript_start.timestamp()),
        "jobscript_finish": int(made.jobscript_finish.timestamp()),
        "jobscript_real_seconds": made.real_seconds,
        "jobscript_cpu_seconds": made.cpu_seconds,
        "jobscript_max_rss_bytes": made.max_rss_bytes,
        "cpuinfo": made.job.cpuinfo,
        "os_release": made.job.os_release,
        "job_id": made.job.jobsub_id,
    }


def _wrong_keys(metadata: Mapping[str, Any]) -> Iterator[str]:
    seen: set[str] = set()
    for key in metadata:
        category, _, name = key.rpartition(".")
        if not (category.strip(".") and name) or key != key.strip():
            yield f"the key {key[:100]!r} has no category: write it as CATEGORY.NAME"
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
    if isinstance(value, str) and "\x00" in value:
        return "holds a NUL character"
    if isinstance(value, float) and not math.isfinite(value):
        return "holds a number that JSON cannot hold"
    inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return next(filter(None, (_wrong(item, depth + 1) for item in inner)), "")


def _parents(parents: Sequence[Mapping[str, Any]] | None) -> tuple[Parents | None, list[str]]:
    if not parents:
        return None, []
    if len(parents) > MAX_PARENTS:
        return None, [f"there are more than {MAX_PARENTS} parents"]
    dids, fids, wrong = set(), set(), []
    for parent in parents:
        match parent:
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
    return Parents(frozenset(dids), frozenset(fids)), wrong


def _is_did(did: str) -> bool:
    namespace, colon, name = did.partition(":")
    return bool(namespace and colon and name) and did.isprintable() and len(did) <= MAX_NAME

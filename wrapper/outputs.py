"""What the jobscript left in its workspace: outputs, their metadata, and the lists of processed inputs."""

import fnmatch
import json
import os
import re
import stat
import zlib
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from wrapper.workspace import Workspace

BLOCK_BYTES = 4 * 1024 * 1024
NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.+=-]{0,249}$")
MAX_OUTPUTS = 10_000
METADATA_LIMIT_BYTES = 16 * 1024 * 1024
LIST_LIMIT_BYTES = 64 * 1024 * 1024
LONGEST_DID, LONGEST_PFN = 1000, 4096
BOOKKEEPING = {"all-input-dids.txt", "jobscript.log", "justin-processed-dids.txt", "justin-processed-pfns.txt"}
"""Every job has these; a pattern like * does not mean them."""


class OutputRefusedError(Exception):
    """A file that matches a pattern cannot be stored."""


class Pattern(NamedTuple):
    """One kind of output."""

    pattern_id: int
    pattern: str


class Output(NamedTuple):
    """One output, as it lies in the workspace."""

    name: str
    path: Path
    pattern_id: int
    size_bytes: int
    adler32: str


class Metadata(NamedTuple):
    """What the metadata files say, by the names of their outputs, and a sentence for each that says nothing."""

    found: Dict[str, Dict[str, Any]]
    errors: List[str]


def find(workspace: Workspace, patterns: Iterable[Pattern]) -> List[Output]:
    """Find the outputs in the root of the workspace; a file belongs to the first pattern that matches it."""
    names = sorted(entry.name for entry in os.scandir(str(workspace.workspace)) if entry.is_file())
    matched = _matched(names, list(patterns))
    if len(matched) > MAX_OUTPUTS:
        raise OutputRefusedError("{} outputs are more than {}".format(len(matched), MAX_OUTPUTS))
    return [_output(workspace, name, pattern_id) for name, pattern_id in matched]


def _matched(names: List[str], patterns: List[Pattern]) -> List[Tuple[str, int]]:
    found: Dict[str, Pattern] = {}
    for name in names:
        matches = (pattern for pattern in patterns if _matches(name, pattern))
        pattern = next(matches, None)
        if pattern is not None:
            found[name] = pattern
    return [(name, pattern.pattern_id) for name, pattern in found.items() if not _describes(name, pattern, found)]


def _matches(name: str, pattern: Pattern) -> bool:
    hidden = name.startswith(".") and not pattern.pattern.startswith(".")
    return name not in BOOKKEEPING and not hidden and fnmatch.fnmatchcase(name, pattern.pattern)


def _describes(name: str, pattern: Pattern, outputs: Dict[str, Pattern]) -> bool:
    """Whether a file is the metadata of another output, and not asked for by a pattern of its own."""
    return name.endswith(".json") and name[: -len(".json")] in outputs and not pattern.pattern.endswith(".json")


def _output(workspace: Workspace, name: str, pattern_id: int) -> Output:
    if not NAME.match(name):
        raise OutputRefusedError("{!r} is no name that the catalogues take".format(name))
    path = inside(workspace, workspace.workspace / name)
    if path is None:
        raise OutputRefusedError("{} is a link to a file outside the job's home".format(name))
    size_bytes, checksum = adler32(path)
    return Output(name, path, pattern_id, size_bytes, checksum)


def inside(workspace: Workspace, path: Path) -> Optional[Path]:
    """Return where a file really is, or None unless it is a regular file within the job's home.

    A jobscript in a container cannot read the node's files, but could leave a link to one.
    """
    real = path.resolve()
    if workspace.home not in real.parents or not stat.S_ISREG(os.stat(str(real)).st_mode):
        return None
    return real


def adler32(path: Path) -> Tuple[int, str]:
    """Return the size of a file and its Adler-32 in eight hex digits."""
    size_bytes, checksum = 0, 1
    for block in blocks(path):
        size_bytes += len(block)
        checksum = zlib.adler32(block, checksum)
    return size_bytes, "{:08x}".format(checksum & 0xFFFFFFFF)


def blocks(path: Path) -> Iterator[bytes]:
    """Read a file block by block."""
    with open(str(path), "rb", buffering=0) as file:
        while True:
            block = file.read(BLOCK_BYTES)
            if not block:
                return
            yield block


def read_metadata(workspace: Workspace, outputs: List[Output]) -> Metadata:
    """Read the metadata file beside each output that has one."""
    metadata = Metadata({}, [])
    for output in outputs:
        _read_one(workspace, output.name, metadata)
    return metadata


def _read_one(workspace: Workspace, name: str, metadata: Metadata) -> None:
    try:
        content = _content(workspace, name + ".json", METADATA_LIMIT_BYTES)
        if content is not None:
            metadata.found[name] = _metadata(content)
    except ValueError as error:
        metadata.errors.append("{}.json: {}".format(name, error)[:1000])


def _metadata(content: bytes) -> Dict[str, Any]:
    try:
        told = json.loads(
            content.decode("utf-8"), object_pairs_hook=_each_once, parse_constant=_no_number, parse_float=_finite
        )
        # Half of a pair that stands for one character is JSON, but nothing that could be reported.
        json.dumps(told, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("it holds half a character") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(told, dict) or not isinstance(told.get("metadata", {}), dict):
        raise ValueError(  # noqa: TRY004 - it is the file's value that is wrong
            'it is not of the form {"metadata": {...}, "parents": [...]}'
        )
    parents = told.get("parents") or []
    if not isinstance(parents, list) or not all(isinstance(parent, dict) for parent in parents):
        raise ValueError("its parents are not a list of objects")
    return {"metadata": told.get("metadata"), "parents": told.get("parents")}


def _each_once(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    """Make an object of JSON; of two values for one key, one would be lost."""
    found: Dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError("the key {!r} is there twice".format(key[:100]))
        found[key] = value
    return found


def _finite(written: str) -> float:
    """Read a number; what Python takes for infinity could not be written as JSON again."""
    return float(written) if abs(float(written)) < float("inf") else _no_number(written)


def _no_number(written: str) -> float:
    raise ValueError("{} is no number of JSON".format(written))


def processed(workspace: Workspace) -> Tuple[List[str], List[str]]:
    """Return the DIDs and the PFNs that the jobscript says it has processed."""
    return (
        _lines(workspace, "justin-processed-dids.txt", LONGEST_DID),
        _lines(workspace, "justin-processed-pfns.txt", LONGEST_PFN),
    )


def _lines(workspace: Workspace, name: str, longest: int) -> List[str]:
    """Read the lines of a list, each once; those that no input can have are left out."""
    try:
        content = _content(workspace, name, LIST_LIMIT_BYTES) or b""
    except ValueError as error:
        raise OutputRefusedError(str(error)) from error
    lines = (line.strip().replace("\0", "") for line in content.decode("utf-8", "replace").split("\n"))
    return sorted({line for line in lines if 0 < len(line) <= longest and "\r" not in line})


def _content(workspace: Workspace, name: str, limit_bytes: int) -> Optional[bytes]:
    """Read a file of the workspace, or return None where there is none; raise ValueError for one that is too large."""
    path = workspace.workspace / name
    real = inside(workspace, path) if path.is_file() else None
    if real is None:
        return None
    with open(str(real), "rb") as file:
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise ValueError("{} is larger than {} bytes".format(name, limit_bytes))
    return content

"""The object that holds an archived workflow: lines of JSON, gzip, each kind of line in a part of its own.

Anybody can read it with `zcat`. Each line has one name, that of its kind; the first says which version of the schema
this is, the last how many lines of each kind there are. The parts are joined members of one gzip file (RFC 1952), so
that a reader who knows where a kind begins can start there.
"""

import gzip
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import unquote, urlsplit

from engine.errors import Unavailable

SCHEMA: Final = 1
FIRST, LAST = "archive", "end"
ABANDONED_SECONDS: Final = 3600.0

Sections = Iterable[tuple[str, Iterable[str]]]
"""Each kind with its values, in JSON; they are asked for once, one after the other."""


class Damaged(Unavailable):
    """An object of the archive is not what was written."""


@dataclass(frozen=True, slots=True)
class Written:
    """An object that lies at its place, whole."""

    location: str
    sha256: str
    size_bytes: int
    sections: Mapping[str, int]
    """Where each kind of line begins, in bytes."""
    lines: Mapping[str, int]
    """How many there are of each kind."""


def write(directory: Path, name: str, sections: Sections) -> Written:
    """Write an object under a name that its content completes, so that two writers never disturb each other.

    It appears whole or not at all. Raises `Unavailable` when the folder does not take it.
    """
    unfinished = directory / f".{name}-{secrets.token_hex(8)}.new"
    try:
        with unfinished.open("xb") as raw:
            offsets, lines = _write(raw, sections)
            raw.flush()
            os.fsync(raw.fileno())
        sha256, size_bytes = _digest(unfinished), unfinished.stat().st_size
        place = directory / f"{name}-{sha256[:16]}.jsonl.gz"
        unfinished.rename(place)
        _sync(directory)
    except OSError as error:
        raise Unavailable(f"The archive does not take {name}: {error}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return Written(place.absolute().as_uri(), sha256, size_bytes, offsets, lines)


def verify(written: Written) -> None:
    """Read an object back, from first to last; raises `Damaged` unless it is what was written."""
    path = _path(written.location)
    lines: dict[str, int] = dict.fromkeys(written.lines, 0)
    try:
        if _digest(path) != written.sha256:
            raise Damaged(f"The archive holds something else at {written.location} than was written.")
        with gzip.open(path, "rb") as unpacked:
            for line in unpacked:
                (kind,) = json.loads(line)
                lines[kind] = lines.get(kind, 0) + 1
    except (OSError, EOFError, ValueError) as error:
        raise Damaged(f"The archive's {written.location} cannot be read back: {error}") from error
    if lines != {**written.lines, LAST: 1}:
        raise Damaged(f"The archive's {written.location} does not hold all that was written.")


def read(location: str, sections: Mapping[str, int], kind: str) -> Iterator[Any]:
    """Yield the values of one kind; raises `Unavailable` when the object is not there, `Damaged` when it ends early."""
    if kind not in sections:
        return
    try:
        with _path(location).open("rb") as raw:
            raw.seek(sections[kind])
            with gzip.GzipFile(fileobj=raw, mode="rb") as unpacked:
                for line in unpacked:
                    said = json.loads(line)
                    if kind not in said:
                        return
                    yield said[kind]
    except (EOFError, ValueError, gzip.BadGzipFile) as error:
        raise Damaged(f"The archive's {location} cannot be read: {error}") from error
    except OSError as error:
        raise Unavailable(f"The archive's {location} cannot be read: {error}") from error


def clean(directory: Path, now: float) -> None:
    """Delete what writers left unfinished that died; one that lives has written within the hour."""
    for unfinished in directory.glob(".*.new"):
        with suppress(FileNotFoundError):
            if now - unfinished.stat().st_mtime > ABANDONED_SECONDS:
                unfinished.unlink()


def _write(raw: IO[bytes], sections: Sections) -> tuple[dict[str, int], dict[str, int]]:
    offsets: dict[str, int] = {}
    lines: dict[str, int] = {}
    for kind, values in sections:
        offsets[kind] = raw.tell()
        lines[kind] = _part(raw, kind, values)
    _part(raw, LAST, [json.dumps({"lines": lines})])
    return offsets, lines


def _part(raw: IO[bytes], kind: str, values: Iterable[str]) -> int:
    count = 0
    # Without a time, so that the same workflow makes the same bytes.
    with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as part:
        for value in values:
            part.write(f'{{"{kind}": {value}}}\n'.encode())
            count += 1
    return count


def _digest(path: Path) -> str:
    with path.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()


def _sync(directory: Path) -> None:
    """Let the new name survive a crash of the machine too."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _path(location: str) -> Path:
    return Path(unquote(urlsplit(location).path))

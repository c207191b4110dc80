"""A commit's files in one tar, made of git's objects alone, so that its bytes depend on nothing but the commit.

A checkout, and `git archive`, follow the umask, the line endings and filters of a configuration, and attributes such as
export-subst; the objects know none of it.
"""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from git import Blob, Commit, Submodule, Tree

LEFT_OUT: Final = frozenset({".git", ".github"})
"""At the top: what only the repository's host has a use for."""

LFS_SIGN: Final = b"version https://git-lfs.github.com/spec/"
LFS_LONGEST_BYTES: Final = 1024
LINK_LONGEST_BYTES: Final = 4096
PATH_LONGEST_BYTES: Final = 4096

EXECUTABLE_BIT: Final = 0o100
BLOCK_BYTES: Final = 1 << 20

Entry = Blob | Tree | Submodule


class Unfit(Exception):
    """The files cannot be put into a tar; why is said in words that follow the repository's name."""


@dataclass(slots=True)
class Contents:
    """What the tar holds, as it was written."""

    sha256: str
    size_bytes: int
    submodules: list[str] = field(default_factory=list)
    lfs_pointers: list[str] = field(default_factory=list)


class _Hashed:
    """A file that is written once, from its beginning, no longer than it may be; what was written is hashed."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._sha256 = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> int:
        self.check(len(data))
        self._sha256.update(data)
        self.size_bytes += len(data)
        return self._file.write(data)

    def check(self, more_bytes: int) -> None:
        """Raise `Unfit` when so much more would be too much."""
        if self.size_bytes + more_bytes > self._max_bytes:
            raise Unfit(f"its files take more than {self._max_bytes / (1 << 20):.4g} MiB in a tar")

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


def write(commit: Commit, path: Path, max_bytes: int) -> Contents:
    """Write the tar; raises `Unfit`."""
    contents = Contents("", 0)
    with path.open("wb") as file:
        hashed = _Hashed(file, max_bytes)
        # PAX, the default, writes what older readers take for files; this one knows long names too.
        with tarfile.open(
            fileobj=hashed,  # type: ignore[call-overload]  # a stream needs nothing but write
            mode="w|",
            format=tarfile.GNU_FORMAT,
            encoding="utf-8",
            errors="surrogateescape",
            bufsize=tarfile.RECORDSIZE,
        ) as tar:
            for name, entry in _entries(commit.tree):
                _add(tar, hashed, name, entry, contents)
    contents.sha256, contents.size_bytes = hashed.sha256, hashed.size_bytes
    return contents


def _entries(top: Tree) -> Iterator[tuple[str, Entry]]:
    """Walk the whole tree, every folder before what is in it, names in the order of their bytes."""
    waiting = [pair for pair in _last_first(top) if pair[0] not in LEFT_OUT]
    while waiting:
        name, entry = waiting.pop()
        if len(_bytes(name)) > PATH_LONGEST_BYTES:
            raise Unfit(f"the path {name[:200]}… is longer than {PATH_LONGEST_BYTES} bytes")
        yield name, entry
        if isinstance(entry, Tree):
            waiting += _last_first(entry)


def _last_first(folder: Tree) -> list[tuple[str, Entry]]:
    if not folder.size:
        return []
    try:
        entries = list(folder)
    except ValueError as error:  # not a folder that cannot be had: its size was
        raise Unfit(f"the folder {str(folder.path) or 'at its top'} holds what no checkout could: {error}") from error
    return sorted(((str(entry.path), entry) for entry in entries), key=lambda pair: _bytes(pair[0]), reverse=True)


def _bytes(name: str) -> bytes:
    return name.encode(errors="surrogateescape")


def _add(tar: tarfile.TarFile, hashed: _Hashed, name: str, entry: Entry, contents: Contents) -> None:
    """Add one entry; owner, times and modes are the same for everybody."""
    member = tarfile.TarInfo(name)
    if isinstance(entry, Blob) and entry.mode == Blob.link_mode:
        member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, _target(name, entry)
        tar.addfile(member)
    elif isinstance(entry, Blob):
        _add_file(tar, hashed, member, entry, contents)
    else:
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(member)
        if isinstance(entry, Submodule):
            contents.submodules.append(name)


def _add_file(tar: tarfile.TarFile, hashed: _Hashed, member: tarfile.TarInfo, blob: Blob, contents: Contents) -> None:
    member.size = blob.size
    member.mode = 0o755 if blob.mode & EXECUTABLE_BIT else 0o644
    hashed.check(member.size)
    if member.size > LFS_LONGEST_BYTES:
        tar.addfile(member, blob.data_stream)
        return
    data = blob.data_stream.read()
    if data.startswith(LFS_SIGN):
        contents.lfs_pointers.append(member.name)
    tar.addfile(member, io.BytesIO(data))


def _target(name: str, link: Blob) -> str:
    if link.size > LINK_LONGEST_BYTES:
        raise Unfit(f"the symbolic link {name} is longer than {LINK_LONGEST_BYTES} bytes")
    return bytes(link.data_stream.read()).decode(errors="surrogateescape")

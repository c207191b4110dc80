"""A folder as one tar: the same bytes wherever and whenever it is made, and those that a git repository would give."""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final

from justin.errors import BadUpload

LEFT_OUT: Final = frozenset({".git", ".github"})
"""At the top, as of a repository."""

EXECUTABLE_BIT: Final = 0o100
UP: Final = ".."


def write_tar(folder: Path, file: IO[bytes]) -> None:
    """Write what is in a folder, names in the order of their bytes; raises `BadUpload` for what no tar of code holds.

    Owners, times, and what others may do are left out. Server and client write the same bytes for the same files.
    """
    with tarfile.open(
        fileobj=file, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as tar:
        for path in _in_order(folder):
            _add(tar, path, str(path.relative_to(folder)))


def _in_order(folder: Path) -> Iterator[Path]:
    """Walk the whole tree, every folder before what is in it."""
    waiting = [path for path in _last_first(folder) if path.name not in LEFT_OUT]
    while waiting:
        path = waiting.pop()
        yield path
        if path.is_dir() and not path.is_symlink():
            waiting += _last_first(path)


def _last_first(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name), reverse=True)


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    member = tarfile.TarInfo(name)
    if path.is_symlink():
        member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, str(path.readlink())
        tar.addfile(member)
    elif path.is_dir():
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(member)
    elif path.is_file():
        status = path.stat()
        member.size, member.mode = status.st_size, 0o755 if status.st_mode & EXECUTABLE_BIT else 0o644
        with path.open("rb") as content:
            tar.addfile(member, content)
    else:
        raise BadUpload(f"{path} is neither a file nor a folder nor a symbolic link")


def check_tar(file: IO[bytes]) -> None:
    """Raise `BadUpload` for what is no plain tar, or would be written outside of the folder it is unpacked in.

    Symbolic links may point anywhere, but nothing may lie beyond one.
    """
    links: set[PurePosixPath] = set()
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            while member := tar.next():
                _check_member(member, links)
                # What was looked at is forgotten: a tar of nothing but empty files would fill the memory.
                tar.members.clear()  # type: ignore[attr-defined]  # it has no other way
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise BadUpload(f"this is no tar, or a broken one: {error}") from error


def _check_member(member: tarfile.TarInfo, links: set[PurePosixPath]) -> None:
    name = PurePosixPath(member.name)
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise BadUpload(f"{member.name} is neither a file nor a folder nor a link")
    if _leads_outside(name) or (member.islnk() and _leads_outside(PurePosixPath(member.linkname))):
        raise BadUpload(f"{member.name} would lead out of the folder that the tar is unpacked in")
    if not links.isdisjoint((name, *name.parents)):
        raise BadUpload(f"{member.name} lies beyond a symbolic link of the same tar")
    if member.issym():
        links.add(name)


def _leads_outside(name: PurePosixPath) -> bool:
    return name.is_absolute() or UP in name.parts

"""Unpacking strangers' tars into a folder and nowhere else."""

import tarfile
from pathlib import Path


def unpack(tar: Path, folder: Path) -> None:
    """Unpack files, folders and links; raises `tarfile.TarError` for what would be written outside of the folder.

    A link may point anywhere, for repositories hold such links, but nothing is written through it.
    """
    with tarfile.open(tar) as opened:
        opened.extractall(folder, filter=_wanted)  # noqa: S202  the filter refuses what leads outside


def _wanted(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        return None
    if member.islnk() and not _is_within(Path(folder), member.linkname):
        raise tarfile.LinkOutsideDestinationError(member, member.linkname)
    return tarfile.tar_filter(member, folder)


def _is_within(folder: Path, name: str) -> bool:
    """Say whether a hard link stays in the folder: one that leads outside would be a door to write through."""
    return (folder / name).resolve().is_relative_to(folder.resolve())

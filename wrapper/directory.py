"""Uploads into a directory that the node has mounted."""

import contextlib
import os
from pathlib import Path
from typing import List
from urllib.parse import unquote, urlsplit

from wrapper import outputs
from wrapper.targets import Parcel, Target, UploadError, compare


def put(parcel: Parcel, target: Target) -> None:
    """Copy an output to its place; a reader finds the whole file there or none.

    It is written under another name, read back and compared, and on disk before it gets its own name.
    """
    place = path_of(target)
    written = place.with_name(".{}.{}".format(place.name, os.urandom(8).hex()))
    try:
        made = _make_directories(place.parent)
        try:
            _copy(parcel.path, written)
            compare(*outputs.adler32(written), parcel=parcel, place=str(place))
            os.replace(str(written), str(place))
        finally:
            with contextlib.suppress(FileNotFoundError):
                written.unlink()
        for directory in [place.parent, *made]:
            _sync_directory(directory)
    except OSError as error:
        raise UploadError("{}: {}".format(place, error)) from error


def check(parcel: Parcel, target: Target) -> None:
    """Read what lies at a place, and raise UploadError unless it is the output."""
    place = path_of(target)
    try:
        compare(*outputs.adler32(place), parcel=parcel, place=str(place))
    except OSError as error:
        raise UploadError("{}: {}".format(place, error)) from error


def remove(parcel: Parcel, target: Target) -> None:
    """Delete an output from its place again, if it lies there."""
    del parcel
    try:
        path_of(target).unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise UploadError(str(error)) from error


def path_of(target: Target) -> Path:
    """Return the path that a file URL names."""
    parts = urlsplit(target.url)
    path = Path(unquote(parts.path if parts.scheme else target.url))
    if parts.scheme not in {"", "file"} or not path.is_absolute():
        raise UploadError("{} names no file of this node".format(target.url))
    return path


def _make_directories(directory: Path) -> List[Path]:
    """Make a directory and those above it; return the ones whose entries changed, the nearest first."""
    missing: List[Path] = []
    while not directory.is_dir():
        missing.append(directory)
        directory = directory.parent
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
    return [each.parent for each in missing]


def _copy(source: Path, target: Path) -> None:
    with open(str(target), "xb", buffering=0) as file:
        for block in outputs.blocks(source):
            _write(file.fileno(), block)
        os.fsync(file.fileno())


def _write(descriptor: int, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(str(directory), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

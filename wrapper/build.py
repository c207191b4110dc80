"""Builds the wrapper into the one file that jobs take along."""

import os
import stat
import zipfile
from pathlib import Path
from typing import Iterator

PACKAGE = Path(__file__).resolve().parent
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The first moment a zip file knows."""
SHEBANG = b"#!/usr/bin/env python3\n"
START = "import sys\nfrom wrapper.main import main\nsys.exit(main(sys.argv[1:]))\n"


def build(target: Path) -> Path:
    """Write the zipapp, the same bytes for the same sources, and return its path.

    It appears whole or not at all, so that a job may be made while another process builds.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(".{}.{}".format(target.name, os.urandom(4).hex()))
    with open(str(unfinished), "wb") as file:
        file.write(SHEBANG)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            _add(archive, "__main__.py", START.encode("ascii"))
            for path in _sources():
                _add(archive, "wrapper/" + path.relative_to(PACKAGE).as_posix(), path.read_bytes())
    unfinished.chmod(0o755)
    unfinished.replace(target)
    return target


def _sources() -> Iterator[Path]:
    """List the files of the package but for this one, in an order that every machine has."""
    for path in sorted(PACKAGE.rglob("*"), key=lambda each: each.relative_to(PACKAGE).as_posix()):
        if path.is_file() and "__pycache__" not in path.parts and path.name != "build.py":
            yield path


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=LONG_AGO)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    archive.writestr(entry, content)

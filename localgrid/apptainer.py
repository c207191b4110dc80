"""Apptainer, from Debian's packages, without installing anything, and an image of the machine's own programs for it."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from localgrid.condor_packages import PrivateApt
from localgrid.debian_programs import Programs
from localgrid.errors import GridError

PACKAGE = "apptainer"
LIBRARIES = ("libc6", "libseccomp2", "libsqlite3-0")
MOUNT_POINTS = ("dev", "etc", "home", "proc", "root", "sys", "tmp", "var/tmp")
SHELL_TOOLS = (
    *("sh", "basename", "cat", "cp", "curl", "cut", "date", "head", "ls", "mv", "od", "readlink", "sha256sum"),
    *("sleep", "touch", "tr"),
)
"""What a simple jobscript needs, and the commands that it calls."""
LDD_SECONDS = 20


def _packages(apt: PrivateApt) -> list[str]:
    # What the package depends on besides is for images in files, for root, and for networks of their own.
    return [PACKAGE, *apt.closure(list(LIBRARIES))]


def _arrange(place: Path) -> None:
    """Lay out what it looks for beside itself, which it was not compiled for."""
    (place / "var/lib/apptainer/mnt/session").mkdir(parents=True, exist_ok=True)
    for folder, up in (("usr", ".."), ("usr/lib", "../..")):
        for name in ("etc", "var"):
            (place / folder / name).symlink_to(f"{up}/{name}")


PROGRAMS = Programs(
    name="apptainer",
    # No release has it.
    suite="sid",
    recipe="1",
    packages=_packages,
    patterns=("usr/bin/apptainer", "usr/lib/*/apptainer/bin/*", "usr/libexec/apptainer/bin/*"),
    libraries=(),
    proof=("usr/bin/apptainer", "--version"),
    arrange=_arrange,
)
location = PROGRAMS.location
is_built = PROGRAMS.is_built
obstacle = PROGRAMS.obstacle
build = PROGRAMS.build


def program() -> Path:
    """Return the command, which is there once it is built."""
    return location() / "usr/bin/apptainer"


def make_image(directory: Path, tools: Iterable[str] = SHELL_TOOLS) -> Path:
    """Make a small image, which is a directory, of the machine's own programs and what they load."""
    for name in MOUNT_POINTS:
        (directory / name).mkdir(parents=True, exist_ok=True)
    for name in tools:
        found = shutil.which(name)
        if found is None:
            raise GridError(f"this machine has no {name} for an image")
        _copy(Path(found), directory / "bin" / name)
        for library in _libraries(found):
            _copy(library, directory / str(library).lstrip("/"))
    return directory


def _libraries(program: str) -> list[Path]:
    """List the libraries of a program, and the loader that it names."""
    done = subprocess.run(["ldd", program], check=False, capture_output=True, text=True, timeout=LDD_SECONDS)
    return [Path(word) for word in re.findall(r"(/\S+) \(0x", done.stdout)]


def _copy(source: Path, target: Path) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)

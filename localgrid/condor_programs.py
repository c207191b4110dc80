"""HTCondor's programs, from Debian's packages, without installing anything: unpacked and made to run where they lie.

They lie in the user's cache directory under a name that follows from the recipe, are made once, and serve every grid.
Their paths are written into them, so they cannot be moved.
"""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from localgrid import condor_packages
from localgrid.condor_packages import PrivateApt
from localgrid.errors import GridError

SUITE = "trixie"
"""A release does not move under our feet, and its version starts jobs sooner than the development suite's."""
PACKAGE = "condor"
NOT_NEEDED = ("libjs-", "libdate-manip-")
"""What its web pages and Perl scripts need."""
RECIPE = "1"
COMPLETE = "complete"
PROGRAM_SECONDS = 60

LOADERS = {
    "x86_64": "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "aarch64": "usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1",
}
PROGRAM_DIRECTORIES = ("usr/bin", "usr/sbin", "usr/libexec/condor", "usr/lib/condor/libexec")
ELF = b"\x7fELF"


def location() -> Path:
    """Return where the programs are, or will be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = sha256(f"{SUITE} {platform.machine()} {RECIPE}".encode()).hexdigest()[:16]
    return cache / "justin" / f"condor-{name}"


def is_built() -> bool:
    """Say whether the programs are complete."""
    return (location() / COMPLETE).exists()


def obstacle() -> str:
    """Return why there can be no HTCondor on this machine; empty when nothing is known to be in the way."""
    if is_built():
        return ""
    return condor_packages.obstacle() or ("" if _patchelf() else "the program patchelf is missing")


def build() -> None:
    """Make the programs unless they are complete.

    Of two builders one waits for the other. What a killed one left is made anew, once the program it may have left
    running has ended: the lock is held by that one too.
    """
    place = location()
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_built():
            return
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        _unpack(place, lock.fileno())
        _make_runnable(place, lock.fileno())
        version = _run([str(place / "usr/bin/condor_version")], lock.fileno())
        (place / COMPLETE).write_text(version)


def _unpack(place: Path, held: int) -> None:
    apt = PrivateApt(place / "apt", SUITE, held)
    apt.set_up()
    libraries = [
        name for name in apt.dependencies(PACKAGE) if name.startswith("lib") and not name.startswith(NOT_NEEDED)
    ]
    # Not the package's own closure: Perl, Python and systemd are for what we do not run.
    apt.unpack([PACKAGE, *apt.closure(libraries)], place)
    shutil.rmtree(apt.place)


def _make_runnable(place: Path, held: int) -> None:
    """Let the programs find the loader and the libraries that lie beside them instead of the machine's."""
    loader = place / LOADERS[platform.machine()]
    libraries = f"{place}/usr/lib:{loader.parent}:{loader.parent}/condor"
    programs = [path for name in PROGRAM_DIRECTORIES for path in sorted((place / name).glob("*")) if _is_program(path)]
    patchelf = [_patchelf(), "--force-rpath", "--set-rpath", libraries]
    for path in programs:
        # A plug-in is loaded by a program and so has no loader of its own.
        interpreter = [] if path.suffix == ".so" else ["--set-interpreter", str(loader)]
        _run([*patchelf, *interpreter, str(path)], held)


def _is_program(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(ELF)) == ELF


def _patchelf() -> str:
    beside = Path(sys.executable).with_name("patchelf")
    return str(beside) if beside.exists() else shutil.which("patchelf") or ""


def _run(command: list[str], held: int) -> str:
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "CONDOR_CONFIG": "/dev/null"},
        timeout=PROGRAM_SECONDS,
        pass_fds=(held,),
    )
    if done.returncode:
        raise GridError(f"HTCondor cannot be built: {' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout

"""Programs from Debian's packages without installing anything: unpacked and made to run where they lie.

They lie in the user's cache directory under a name that follows from the recipe, are made once, and serve every grid.
Their paths are written into them, so they cannot be moved.
"""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from localgrid import condor_packages
from localgrid.condor_packages import PrivateApt
from localgrid.errors import GridError

COMPLETE = "complete"
PROGRAM_SECONDS = 60
LOADERS = {
    "x86_64": "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "aarch64": "usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1",
}
ELF = b"\x7fELF"


def nothing_more(_place: Path) -> None:
    """Leave what was unpacked as it is."""


@dataclass(frozen=True, slots=True)
class Programs:
    """What is unpacked, and what of it is made to run."""

    name: str
    suite: str
    """Of Debian."""
    recipe: str
    """Another recipe makes another folder."""
    packages: Callable[[PrivateApt], list[str]]
    patterns: tuple[str, ...]
    """Of the files among which the programs are."""
    libraries: tuple[str, ...]
    """Folders of libraries beside that of the loader."""
    proof: tuple[str, ...]
    """The program, and its arguments, that shows that all is well."""
    arrange: Callable[[Path], None] = nothing_more

    def location(self) -> Path:
        """Return where the programs are, or will be."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        name = sha256(f"{self.suite} {platform.machine()} {self.recipe}".encode()).hexdigest()[:16]
        return cache / "justin" / f"{self.name}-{name}"

    def is_built(self) -> bool:
        """Say whether the programs are complete."""
        return (self.location() / COMPLETE).exists()

    def obstacle(self) -> str:
        """Return why there can be none on this machine; empty when nothing is known to be in the way."""
        if self.is_built():
            return ""
        return condor_packages.obstacle() or ("" if _patchelf() else "the program patchelf is missing")

    def build(self) -> None:
        """Make the programs unless they are complete.

        Of two builders one waits for the other. What a killed one left is made anew, once the program it may have left
        running has ended: the lock is held by that one too.
        """
        place = self.location()
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.is_built():
                return
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            self._unpack(place, lock.fileno())
            self._make_runnable(place, lock.fileno())
            self.arrange(place)
            version = self._run([str(place / self.proof[0]), *self.proof[1:]], lock.fileno())
            (place / COMPLETE).write_text(version)

    def _unpack(self, place: Path, held: int) -> None:
        apt = PrivateApt(place / "apt", self.suite, held)
        apt.set_up()
        apt.unpack(self.packages(apt), place)
        shutil.rmtree(apt.place)

    def _make_runnable(self, place: Path, held: int) -> None:
        """Let the programs find the loader and the libraries that lie beside them instead of the machine's."""
        loader = place / LOADERS[platform.machine()]
        folders = [str(place / "usr/lib"), str(loader.parent), *(str(loader.parent / name) for name in self.libraries)]
        patchelf = [_patchelf(), "--force-rpath", "--set-rpath", ":".join(folders)]
        for path in sorted({path for pattern in self.patterns for path in place.glob(pattern) if _is_program(path)}):
            # A plug-in is loaded by a program and so has no loader of its own.
            interpreter = [] if path.suffix == ".so" else ["--set-interpreter", str(loader)]
            self._run([*patchelf, *interpreter, str(path)], held)

    def _run(self, command: list[str], held: int) -> str:
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
            raise GridError(f"{self.name} cannot be built: {' '.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout


def _is_program(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(ELF)) == ELF


def _patchelf() -> str:
    beside = Path(sys.executable).with_name("patchelf")
    return str(beside) if beside.exists() else shutil.which("patchelf") or ""

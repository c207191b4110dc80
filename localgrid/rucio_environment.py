"""The Python environment of the Rucio server, which cannot share ours: it pins other versions of the same packages.

It lies in the user's cache directory under the hash of its lock file, is made once, and serves every grid.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from localgrid.errors import GridError

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements" / "rucio-server.txt"
BUILD_SECONDS = 900
COMPLETE = "complete"


def location() -> Path:
    """Return where the environment for the present lock file is, or will be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = sha256(REQUIREMENTS.read_bytes() + version.encode()).hexdigest()[:16]
    return cache / "justin" / f"rucio-server-{name}"


def python() -> Path:
    """Return the environment's interpreter."""
    return location() / "bin" / "python"


def is_built() -> bool:
    """Say whether the environment is complete."""
    return (location() / COMPLETE).exists()


def build() -> None:
    """Make the environment unless it is complete.

    Of two builders one waits for the other. What a killed one left is made anew, once the installer it may have
    left running has ended: the lock is held by that one too.
    """
    place = location()
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_built():
            return
        shutil.rmtree(place, ignore_errors=True)
        _run(lock.fileno(), [sys.executable, "-m", "venv", *_venv_options(), str(place)])
        _run(lock.fileno(), _installer())
        (place / COMPLETE).touch()


def _uv() -> str | None:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else shutil.which("uv")


def _venv_options() -> list[str]:
    return ["--without-pip"] if _uv() else []


def _installer() -> list[str]:
    uv = _uv()
    if uv is None:
        return [str(python()), "-m", "pip", "install", "--require-hashes", "-r", str(REQUIREMENTS)]
    options = ["--require-hashes", "--compile-bytecode", "--quiet"]
    return [uv, "pip", "sync", "--python", str(python()), *options, str(REQUIREMENTS)]


def _run(lock: int, command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=BUILD_SECONDS, pass_fds=[lock])
    if done.returncode:
        raise GridError(f"cannot make the Rucio server's environment: {' '.join(command)}\n{done.stdout}{done.stderr}")

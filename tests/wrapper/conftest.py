"""What the tests of the wrapper share: its zipapp, a scripted allocator, and slots to run it in."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted_allocator import JOBSUB_ID, SECRET, ScriptedAllocator
from wrapper.build import build

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass
class Slot:
    """A directory in which one wrapper runs, as a pool would run it."""

    directory: Path
    pyz: Path
    allocator: ScriptedAllocator
    environ: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    python: str = sys.executable

    @property
    def home(self) -> Path:
        return self.directory / "home"

    @property
    def workspace(self) -> Path:
        return self.home / "workspace"

    @property
    def commands(self) -> Path:
        """A directory for made-up programs, first on the PATH of the wrapper."""
        path = self.directory.parent / "commands"
        path.mkdir(exist_ok=True)
        return path

    def command(self, name: str, script: str) -> Path:
        """Put a program in front of the node's own."""
        path = self.commands / name
        path.write_text(script)
        path.chmod(0o755)
        return path

    def fill(self) -> None:
        """Lay down the files that come with a job."""
        self.directory.mkdir(exist_ok=True)
        order = {"jobsub_id": JOBSUB_ID, "allocator_url": self.allocator.url, "instance": "", **self.settings}
        (self.directory / "job.json").write_text(json.dumps(order))
        secret = self.directory / "job.secret"
        secret.write_text(SECRET + "\n")
        secret.chmod(0o400)

    def start(self) -> "subprocess.Popen[str]":
        self.fill()
        environ = {
            "PATH": f"{self.commands}:{SYSTEM_PATH}",
            "GLIDEIN_DUNESite": "UK_Manchester",
            "GLIDEIN_Entry_Name": "entry-1",
            **self.environ,
        }
        return subprocess.Popen(
            [self.python, str(self.pyz), "job.json"],
            cwd=self.directory,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def start_with(self, jobscript: str) -> "subprocess.Popen[str]":
        self.allocator.work["jobscript"] = jobscript
        return self.start()

    def run(self, jobscript: str | None = None, timeout: float = 60) -> "Finished":
        """Run a wrapper to its end."""
        if jobscript is not None:
            self.allocator.work["jobscript"] = jobscript
        return finish(self.start(), timeout)


@dataclass
class Finished:
    """How a wrapper ended, and its log."""

    code: int
    log: str


def finish(process: "subprocess.Popen[str]", timeout: float = 60) -> Finished:
    try:
        log, _ = process.communicate(timeout=timeout)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return Finished(process.returncode, log)


def alive(marker: str) -> list[int]:
    """The processes whose command line holds a marker."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.fixture(scope="session")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wrapper as jobs take it along."""
    return build(tmp_path_factory.mktemp("pyz") / "justin-wrapper.pyz")


@pytest.fixture
def allocator() -> Iterator[ScriptedAllocator]:
    """An allocator; at the end of the test nothing may have been against the protocol."""
    with ScriptedAllocator() as running:
        yield running
    assert running.violations == []


@pytest.fixture
def slot(tmp_path: Path, pyz: Path, allocator: ScriptedAllocator) -> Slot:
    """A slot at UK_Manchester, with nothing run in it yet."""
    return Slot(tmp_path / "slot", pyz, allocator)

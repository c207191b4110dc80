"""The directories of a job: its home, the workspace in it, and scratch space beside it."""

import os
import re
import threading
import time
from pathlib import Path
from typing import List, NamedTuple

NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
LOOK_EVERY_SECONDS = 2.0


class CodeNotVisibleError(Exception):
    """A published code area did not appear on this node in time."""


class Workspace(NamedTuple):
    """Where a job's files are, as absolute paths."""

    home: Path
    workspace: Path
    private: Path
    """In the home: what the helper commands need, and the token that reads."""
    scratch: Path


def make(base: Path) -> Workspace:
    """Make the directories of a job below a directory; the workspace is empty."""
    home = base.resolve() / "home"
    made = Workspace(home, home / "workspace", home / ".justin", base.resolve() / "scratch")
    for directory in (made.home, made.workspace, made.private, made.scratch):
        directory.mkdir(mode=0o700)
    return made


def write_jobscript(workspace: Workspace, jobscript: str) -> Path:
    """Write the jobscript into the home, ready to run."""
    path = workspace.home / "justin-jobscript"
    path.write_bytes(jobscript.encode("utf-8"))
    path.chmod(0o755)
    return path


def write_private(workspace: Workspace, name: str, content: bytes, mode: int = 0o400) -> Path:
    """Write a file that only the jobscript's own user may read."""
    path = workspace.private / name
    descriptor = os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return path


def link_code(workspace: Workspace, areas: "List[CodeArea]", wait_seconds: float, stop: threading.Event) -> None:
    """Make each code area appear at `workspace/ORG/REPO`, after waiting until it can be seen on this node."""
    deadline = time.monotonic() + wait_seconds
    for area in areas:
        while not os.path.isdir(area.path):
            if stop.is_set():
                return
            if time.monotonic() > deadline:
                raise CodeNotVisibleError(
                    "{}/{} is not visible at {} after {:.0f} s".format(
                        area.organisation, area.repository, area.path, wait_seconds
                    )
                )
            stop.wait(min(LOOK_EVERY_SECONDS, wait_seconds))
        _link(workspace, area)


class CodeArea(NamedTuple):
    """A published git repository."""

    organisation: str
    repository: str
    path: str


def _link(workspace: Workspace, area: CodeArea) -> None:
    if not NAME.match(area.organisation) or not NAME.match(area.repository):
        raise ValueError("{}/{} is no name of a repository".format(area.organisation, area.repository))
    place = workspace.workspace / area.organisation
    place.mkdir(exist_ok=True)
    (place / area.repository).symlink_to(area.path, target_is_directory=True)

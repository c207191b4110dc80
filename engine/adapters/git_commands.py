"""Commands of git that ask a host, so that nothing is typed, no secret is used, and none runs for ever."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from git import Git
from git.exc import GitCommandNotFound

from engine.errors import InvalidInput, Unavailable

LOOK_SECONDS: Final = 0.2

ABSENT: Final = re.compile(
    r"repository (\S+ )?not found|does not appear to be a git repository|could not read (username|password)"
    r"|authentication failed|permission denied \(|access denied|returned error: (401|403|404)",
    re.IGNORECASE,
)
"""What git says of a repository that is not there or not for everybody."""


class RepositoryAbsent(InvalidInput):
    """The repository is not there, or not for everybody: hosts say the same of both."""


class CommandFailed(Exception):
    """A command of git ended badly; what it said is the detail."""


@dataclass(frozen=True, slots=True)
class Place:
    """A repository, and where it lies."""

    repository: str
    address: str
    """An URL, or the absolute path of a local one; empty when no host is asked for what is not there."""
    host: str

    @property
    def protocol(self) -> str:
        """The one protocol that git may use for it, redirected or not."""
        return self.address.partition("://")[0] if "://" in self.address else "file"


@dataclass(frozen=True, slots=True)
class Limits:
    """When a command is broken off."""

    seconds: float
    folder: Path | None = None
    """What must not grow beyond `folder_bytes`."""
    folder_bytes: int = 0


def environment(home: Path, config_file: Path | None, protocol: str, repository: Path | None = None) -> dict[str, str]:
    """Keep the account's own configuration, passwords and keys out of what users ask for.

    With a repository, commands are about that one: within a hook of git, variables name another.
    """
    own = {"GIT_DIR": str(repository), "GIT_OBJECT_DIRECTORY": str(repository / "objects")} if repository else {}
    return own | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(config_file or os.devnull),
        "GIT_CONFIG_COUNT": "0",
        "GIT_CONFIG_PARAMETERS": "",
        "GIT_CEILING_DIRECTORIES": str(home.parent),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "SSH_AUTH_SOCK": "",
        "GIT_SSH_COMMAND": "ssh -F none -o BatchMode=yes -o ConnectTimeout=20",
        "GIT_ALLOW_PROTOCOL": protocol,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ATTR_NOSYSTEM": "1",
    }


def ask(git: Git, place: Place, words: Sequence[str], limits: Limits) -> str:
    """Run a command that talks to the place's host and return what it prints.

    Raises `RepositoryAbsent`, `Unavailable` when it took too long, `InvalidInput` when it fetched too much, and
    `CommandFailed` for anything else.
    """
    if not place.address:
        raise RepositoryAbsent(
            f"There is no repository {place.repository} on {place.host}, and no other host is asked."
        )
    options = ["-c", "http.lowSpeedLimit=1", "-c", f"http.lowSpeedTime={max(1, round(limits.seconds))}"]
    try:
        process = git.execute(["git", *options, *words], as_process=True, start_new_session=True)
    except GitCommandNotFound as error:
        raise Unavailable("There is no git on the server: install it.") from error
    assert isinstance(process, Git.AutoInterrupt)  # noqa: S101  as_process says so
    said, complaints = _outcome(process, place, limits)
    if process.returncode == 0:
        return said
    if ABSENT.search(complaints):
        raise RepositoryAbsent(
            f"There is no repository {place.repository} at {place.host} that everybody may read: its name is wrong, "
            "or it is private."
        )
    raise CommandFailed(" ".join(complaints.replace(place.address, place.host).split())[:1000])


def _outcome(process: Git.AutoInterrupt, place: Place, limits: Limits) -> tuple[str, str]:
    """Wait for the end, but no longer than the limits allow; the helpers that git starts go with it."""
    end = time.monotonic() + limits.seconds
    communicate: Callable[..., tuple[bytes, bytes]] = process.communicate
    try:
        while True:
            try:
                said, complaints = communicate(timeout=LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                _check(place, limits, end)
            else:
                _check_size(place, limits)
                return said.decode(errors="replace"), complaints.decode(errors="replace")
    except BaseException:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            communicate()
        raise


def _check(place: Place, limits: Limits, end: float) -> None:
    if time.monotonic() > end:
        raise Unavailable(
            f"{place.host} took longer than {limits.seconds:g} s for {place.repository}: try again later."
        )
    _check_size(place, limits)


def _check_size(place: Place, limits: Limits) -> None:
    if limits.folder and _size(limits.folder) > limits.folder_bytes:
        raise InvalidInput(
            f"{place.repository} at {place.host} is larger than the {limits.folder_bytes >> 20} MiB that are fetched."
        )


def _size(folder: Path) -> int:
    """Add up what the files take; those that vanish meanwhile were temporary."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(parent) / name).lstat().st_size
    return total

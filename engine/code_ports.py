"""What the engine asks of the places where users' code lies, as `engine.ports` does of the other services.

A repository is `ORG/REPO`, a commit its 40 digits. Every call that needs the host raises `errors.Unavailable` when it
may answer later; the sentences of both errors name the repository and its host.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class ReferenceKind(StrEnum):
    """What a reference is in its repository."""

    TAG = "tag"
    BRANCH = "branch"
    COMMIT = "commit"


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a reference stands for at the moment."""

    commit: str
    kind: ReferenceKind


@dataclass(frozen=True, slots=True)
class CodeArchive:
    """A repository's files at a commit in one tar, the same bytes wherever and whenever it is made."""

    path: Path
    sha256: str
    size_bytes: int
    submodules: tuple[str, ...] = ()
    """Paths of submodules: empty folders in the tar."""
    lfs_pointers: tuple[str, ...] = ()
    """Paths of files that Git LFS keeps elsewhere: their pointers are in the tar."""


@dataclass(frozen=True, slots=True)
class LoggedCommit:
    """A commit of a repository's history."""

    commit: str
    author: str
    at: datetime
    subject: str


class CodeHost(Protocol):
    """GitHub, and the other places where git repositories lie."""

    def resolve(self, repository: str, reference: str) -> Resolved:
        """Find the commit of a tag, else of a branch, else the commit itself.

        Raises `errors.InvalidInput` for a repository or a reference that is not there.
        """
        ...

    def references(self, repository: str, names: Sequence[str]) -> Mapping[str, str] | None:
        """Return the commits of those of the tags and branches that exist, by name; None without such a repository."""
        ...

    def current(self, repository: str, reference: str) -> str | None:
        """Return the commit of a tag or branch; None when it, or the repository, is not there."""
        ...

    def read(self, repository: str, commit: str, path: str, max_bytes: int) -> bytes:
        """Return a file; raises `errors.InvalidInput` for one that is not there, no plain file, or larger."""
        ...

    def log(self, repository: str, old: str, new: str, most: int) -> list[LoggedCommit]:
        """Return the commits that `new` has and `old` has not, the newest first, at most so many."""
        ...

    def archive(self, repository: str, commit: str, folder: Path) -> CodeArchive:
        """Make a tar of the files in the folder; raises `errors.InvalidInput` when it would be too large."""
        ...


class CodeStore(Protocol):
    """RCDS: where tars become folders that every node sees.

    A tar has a name there, its `cid`. Paths are as nodes see them. Every call raises `errors.Unavailable` when none of
    the servers answers as they should, `errors.ServiceRefused` when they will not take it.
    """

    def find(self, cid: str) -> str | None:
        """Return the path of what is published; None when it is not, or not yet."""
        ...

    def renew(self, cid: str) -> str | None:
        """Do as `find`, and let the time of what is published begin anew."""
        ...

    def publish(self, cid: str, tar: Path) -> str | None:
        """Send a tar; return the path when it was there already, None when it will be some time later."""
        ...

"""Git repositories on their hosts, through GitPython: what references are, and the files of commits.

A commit that was asked for is kept, without its history, in a bare repository of its own: made in a temporary folder,
renamed when it is whole, and never changed. So a broken fetch leaves nothing that could be taken for a commit, readers
need no lock, and a tag that moves touches nothing that was there before.
"""

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from git import Blob, Commit, Git, Repo, Tree
from git.exc import GitError, ODBError

from engine.adapters import git_archive, git_commands
from engine.adapters.git_archive import Unfit
from engine.adapters.git_commands import CommandFailed, Limits, Place, RepositoryAbsent
from engine.adapters.git_places import find_place
from engine.code_ports import CodeArchive, LoggedCommit, ReferenceKind, Resolved
from engine.code_settings import Git as GitSettings
from engine.errors import InvalidInput, Unavailable

REFERENCE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199}")
COMMIT: Final = re.compile(r"[0-9a-f]{40}")
SHORT_COMMIT: Final = re.compile(r"[0-9a-f]{4,39}")
NAMES_AT_ONCE: Final = 300
LOCK_PAUSE_SECONDS: Final = 0.1

FETCH: Final = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
EVERYTHING: Final = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
PARTIAL: Final = {"promisor": "true", "partialclonefilter": "tree:0"}
LOG_FORMAT: Final = "--format=%H%x1f%ct%x1f%an%x1f%s"

NEW: Final = "new-"
OLD: Final = "old-"
TEMPORARY_SECONDS: Final = 86_400.0
"""How long a fetch that was killed may leave its folder."""


class GitMirrors:
    """Hosts of repositories, and the commits that were fetched from them."""

    def __init__(self, settings: GitSettings) -> None:
        self._settings = settings
        self._mirrors = settings.mirrors.absolute()

    def resolve(self, repository: str, reference: str) -> Resolved:
        """Find the commit of a tag, else of a branch, else the commit itself."""
        place = find_place(self._settings, repository)
        if not REFERENCE.fullmatch(reference):
            raise InvalidInput(f"{reference[:250]!r} is not the name of a tag, a branch or a commit.")
        if COMMIT.fullmatch(reference):
            self._snapshot(place, reference)
            return Resolved(reference, ReferenceKind.COMMIT)
        found = self._references(place, [reference])
        for kind, folder in ((ReferenceKind.TAG, "tags"), (ReferenceKind.BRANCH, "heads")):
            commit = found.get(f"refs/{folder}/{reference}")
            if commit:
                return Resolved(_checked(commit, place), kind)
        in_full = " Write a commit in full, with its 40 digits." if SHORT_COMMIT.fullmatch(reference) else ""
        raise InvalidInput(
            f"The repository {place.repository} at {place.host} has neither a tag nor a branch {reference}.{in_full}"
        )

    def references(self, repository: str, names: Sequence[str]) -> dict[str, str] | None:
        """Return the commits of those of the tags and branches that exist; None without such a repository."""
        try:
            place = find_place(self._settings, repository)
            found = self._references(place, names)
        except RepositoryAbsent:
            return None
        commits = {name: found.get(f"refs/tags/{name}") or found.get(f"refs/heads/{name}") for name in names}
        return {name: commit for name, commit in commits.items() if commit}

    def current(self, repository: str, reference: str) -> str | None:
        """Return the commit of a tag or branch; None when it, or the repository, is not there."""
        return (self.references(repository, [reference]) or {}).get(reference)

    def read(self, repository: str, commit: str, path: str, max_bytes: int) -> bytes:
        """Return a file of a commit."""
        place = find_place(self._settings, repository)
        with self._opened(place, commit) as found:
            return _read(found, place, path, max_bytes)

    def archive(self, repository: str, commit: str, folder: Path) -> CodeArchive:
        """Make a tar of a commit's files in the folder, under the name of its hash."""
        place = find_place(self._settings, repository)
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=NEW, dir=folder)
        os.close(handle)
        try:
            with self._opened(place, commit) as found:
                contents = git_archive.write(found, Path(name), self._settings.max_archive_bytes)
            path = folder / f"{contents.sha256}.tar"
            Path(name).replace(path)
        except Unfit as error:
            raise InvalidInput(f"{place.repository} at {commit} cannot be given to jobs: {error}.") from error
        finally:
            Path(name).unlink(missing_ok=True)
        return CodeArchive(
            path, contents.sha256, contents.size_bytes, tuple(contents.submodules), tuple(contents.lfs_pointers)
        )

    def log(self, repository: str, old: str, new: str, most: int) -> list[LoggedCommit]:
        """Return the commits that `new` has and `old` has not; the history is fetched for it, and not kept."""
        place = find_place(self._settings, repository)
        commits = [_checked(commit, place) for commit in (new, old)]
        try:
            self._mirrors.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=NEW, dir=self._mirrors) as temporary:
                git = self._empty_repository(Path(temporary), place)
                self._fetch_history(git, place, commits, Path(temporary))
                said = git.execute(["git", "log", f"--max-count={most}", LOG_FORMAT, new, f"^{old}", "--"])
        except (GitError, OSError) as error:
            raise Unavailable(f"git cannot read the history of {place.repository}: {error}") from error
        return [_logged(line) for line in str(said).split("\n") if line]

    def _references(self, place: Place, names: Sequence[str]) -> dict[str, str]:
        """Ask the host once for some hundred names; of an annotated tag, what it points at counts."""
        found: dict[str, str] = {}
        for first in range(0, len(names), NAMES_AT_ONCE):
            wanted = [f"refs/{kind}" for name in names[first : first + NAMES_AT_ONCE] for kind in _spellings(name)]
            words = ["ls-remote", "--quiet", "--", place.address, *wanted]
            for line in self._ask(self._mirrors, place, words, Limits(self._settings.answer_seconds)).splitlines():
                commit, _, name = line.partition("\t")
                peeled = name.removesuffix("^{}")
                if peeled != name or name not in found:
                    found[peeled] = commit
        return found

    def _ask(self, directory: Path, place: Place, words: Sequence[str], limits: Limits) -> str:
        try:
            repository = None if directory == self._mirrors else directory
            return git_commands.ask(self._git(directory, place.protocol, repository), place, words, limits)
        except CommandFailed as error:
            raise Unavailable(f"git cannot ask {place.host} for {place.repository}: {error}") from error

    def _git(self, directory: Path, protocol: str, repository: Path | None) -> Git:
        directory.mkdir(parents=True, exist_ok=True)
        git = Git(directory)
        git.update_environment(**self._environment(protocol, repository))
        return git

    def _environment(self, protocol: str, repository: Path | None) -> dict[str, str]:
        return git_commands.environment(self._mirrors, self._settings.config_file, protocol, repository)

    @contextmanager
    def _opened(self, place: Place, commit: str) -> Iterator[Commit]:
        snapshot = self._snapshot(place, commit)
        try:
            with Repo(snapshot) as repo:
                repo.git.update_environment(**self._environment("", snapshot))
                yield repo.commit(commit)
        except (GitError, ODBError, ValueError, OSError) as error:
            raise Unavailable(f"git cannot read the copy of {place.repository} at {commit}: {error}") from error

    def _snapshot(self, place: Place, commit: str) -> Path:
        """Return the copy of a commit, fetched the first time."""
        _checked(commit, place)
        folder = self._mirrors / place.repository
        path = folder / commit
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)
            return path
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            self._wait_for(lock, place)
            if not path.is_dir():
                self._forget()
                self._fetch(place, commit, path)
        return path

    def _wait_for(self, lock: TextIO, place: Place) -> None:
        """Let one fetch of a repository after the other; the lock goes with the process that holds it."""
        end = time.monotonic() + self._settings.timeout_seconds
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise Unavailable(f"{place.repository} is being fetched by others: try again later.") from None
                time.sleep(LOCK_PAUSE_SECONDS)
            else:
                return

    def _fetch(self, place: Place, commit: str, path: Path) -> None:
        temporary = Path(tempfile.mkdtemp(prefix=NEW, dir=path.parent))
        try:
            git = self._empty_repository(temporary, place)
            self._fetch_into(git, place, commit, temporary)
            kind = git.execute(["git", "cat-file", "-t", commit])
            if kind != "commit":
                raise InvalidInput(f"In {place.repository} at {place.host}, {commit} is a {kind} and no commit.")
            temporary.rename(path)
        except GitError as error:
            raise Unavailable(f"git cannot keep {place.repository} at {commit}: {error}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _empty_repository(self, directory: Path, place: Place) -> Git:
        git = self._git(directory, place.protocol, directory)
        git.execute(["git", "init", "--quiet", "--bare", "--template=", "--object-format=sha1"])
        return git

    def _fetch_into(self, git: Git, place: Place, commit: str, directory: Path) -> None:
        """Fetch one commit alone, or everything from a host that gives nothing less."""
        limits = Limits(self._settings.timeout_seconds, directory, self._settings.max_fetch_bytes)
        try:
            git_commands.ask(git, place, [*FETCH, "--depth=1", "--", place.address, f"{commit}:refs/kept"], limits)
        except CommandFailed as error:
            if "not our ref" not in str(error):
                self._ask(directory, place, [*FETCH, "--", place.address, *EVERYTHING], limits)
        _check_held(git, place, commit)

    def _fetch_history(self, git: Git, place: Place, commits: Sequence[str], directory: Path) -> None:
        """Fetch all that led to some commits, without files where the host can leave them out."""
        # Somebody waits for the answer.
        limits = Limits(self._settings.answer_seconds, directory, self._settings.max_fetch_bytes)
        names = {f"remote.host.{name}": value for name, value in PARTIAL.items()} | {"remote.host.url": place.address}
        options = [word for name, value in names.items() for word in ("-c", f"{name}={value}")]
        try:
            git_commands.ask(git, place, [*options, *FETCH, "--filter=tree:0", "host", *commits], limits)
        except CommandFailed:
            self._ask(directory, place, [*FETCH, "--", place.address, *EVERYTHING], limits)
        for commit in commits:
            _check_held(git, place, commit)

    def _forget(self) -> None:
        """Remove the copies that nobody asked for in a long time, and what killed fetches left."""
        now = time.time()
        for folder in self._mirrors.glob("*/*/*/"):
            temporary = folder.name.startswith((NEW, OLD))
            with contextlib.suppress(OSError):
                if now - folder.stat().st_mtime > (TEMPORARY_SECONDS if temporary else self._settings.keep_seconds):
                    # Renamed first: what has the name of a commit is always whole.
                    aside = folder.rename(folder.with_name(f"{OLD}{os.urandom(8).hex()}"))
                    shutil.rmtree(aside, ignore_errors=True)


def _spellings(name: str) -> tuple[str, ...]:
    return f"tags/{name}", f"tags/{name}^{{}}", f"heads/{name}"


def _checked(commit: str, place: Place) -> str:
    if not COMMIT.fullmatch(commit):
        raise InvalidInput(f"{place.repository} names commits as {commit[:80]!r}: only names of 40 digits are known.")
    return commit


def _check_held(git: Git, place: Place, commit: str) -> None:
    try:
        git.execute(["git", "cat-file", "-e", commit])
    except GitError:
        raise InvalidInput(f"The repository {place.repository} at {place.host} has no commit {commit}.") from None


def _logged(line: str) -> LoggedCommit:
    # Old commits are not always in the encoding that they claim.
    commit, seconds, author, subject = line.encode(errors="replace").decode().split("\x1f", maxsplit=3)
    return LoggedCommit(commit, author, datetime.fromtimestamp(int(seconds), UTC), subject)


def _read(commit: Commit, place: Place, path: str, max_bytes: int) -> bytes:
    where = f"{path} in {place.repository} at {commit.hexsha}"
    try:
        entry = commit.tree.join(path)
    except KeyError:
        raise InvalidInput(f"There is no {where}.") from None
    if isinstance(entry, Tree):
        raise InvalidInput(f"{where} is a folder and no file.")
    if not isinstance(entry, Blob) or entry.mode == Blob.link_mode:
        raise InvalidInput(f"{where} is a link and no file.")
    if entry.size > max_bytes:
        raise InvalidInput(f"{where} is larger than {max_bytes} bytes.")
    content: bytes = entry.data_stream.read()
    if content.startswith(git_archive.LFS_SIGN):
        raise InvalidInput(f"{where} is kept by Git LFS, which is not read: put the file itself into the repository.")
    return content

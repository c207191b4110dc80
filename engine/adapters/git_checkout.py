"""A checkout of somebody's git repository that is kept at the newest commit of a branch."""

import shutil
from pathlib import Path

from git import Git, Repo
from git.exc import GitCommandError, GitCommandNotFound, GitError

from engine.errors import Unavailable

QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true"}
"""A repository that wants a password is out of reach; nobody is there to type one."""


def update(directory: Path, repository: str, branch: str, timeout_seconds: float) -> str:
    """Bring the directory to the newest commit of the branch, and return that commit.

    Raises `Unavailable` when the repository cannot be had; a checkout of before stays as it was. One that was broken
    off is made anew.
    """
    try:
        return _update(directory, repository, branch, timeout_seconds)
    except (GitError, GitCommandNotFound, OSError, ValueError) as error:
        raise Unavailable(f"git cannot get {branch} of {repository}: {_words(error)}") from error


def _update(directory: Path, repository: str, branch: str, timeout_seconds: float) -> str:
    if not (directory / ".git").is_dir():
        _clone(directory, repository, branch, timeout_seconds)
    with Repo(directory) as checkout:
        git = checkout.git
        git.update_environment(**QUIET)
        git.fetch("--depth=1", "--force", repository, f"refs/heads/{branch}", kill_after_timeout=timeout_seconds)
        git.reset("--hard", "FETCH_HEAD", kill_after_timeout=timeout_seconds)
        return str(checkout.head.commit.hexsha)


def _clone(directory: Path, repository: str, branch: str, timeout_seconds: float) -> None:
    """Clone beside the place and move it there whole, so that a clone broken off is never taken for a checkout."""
    beside = directory.with_name(f"{directory.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.parent.mkdir(parents=True, exist_ok=True)
    git = Git(beside.parent)
    git.update_environment(**QUIET)
    options = ["--depth=1", "--single-branch", f"--branch={branch}"]
    git.clone(*options, "--", repository, str(beside), kill_after_timeout=timeout_seconds)
    beside.rename(directory)


def _words(error: Exception) -> str:
    said = str(error.stderr) if isinstance(error, GitCommandError) else str(error)
    return " ".join(said.split())[:1000]

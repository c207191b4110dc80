"""Git repositories made for tests, with git itself."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

IDENTITY = {
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


@dataclass(frozen=True)
class Repository:
    """A bare repository, and a checkout beside it that commits go through."""

    name: str
    bare: Path
    checkout: Path

    def git(self, *words: str, **variables: str) -> str:
        return git(self.checkout, *words, **variables)

    def commit(self, files: Mapping[str, str | bytes | None], message: str = "change") -> str:
        """Put files in, or take them out, and push; return the commit."""
        for name, content in files.items():
            path = self.checkout / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.record(message)

    def record(self, message: str = "change") -> str:
        """Commit what lies in the checkout."""
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        self.git("push", "--quiet", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")

    def tag(self, name: str, commit: str = "HEAD", *, annotated: bool = False) -> None:
        """Make a tag, or move it."""
        self.git("tag", "--force", *(["-a", "-m", name] if annotated else []), name, commit)
        self.git("push", "--quiet", "--force", "origin", f"refs/tags/{name}")

    def untag(self, name: str) -> None:
        self.git("push", "--quiet", "origin", f":refs/tags/{name}")
        self.git("tag", "--delete", name)


def make_repository(folder: Path, name: str = "dune/code") -> Repository:
    """Make an empty `ORG/REPO` below the folder, as the setting for local repositories has them."""
    bare, checkout = folder / f"{name}.git", folder / f"{name}.checkout"
    bare.mkdir(parents=True)
    checkout.mkdir()
    git(bare, "init", "--quiet", "--bare", "--initial-branch=main")
    git(checkout, "init", "--quiet", "--initial-branch=main")
    git(checkout, "remote", "add", "origin", str(bare))
    return Repository(name, bare, checkout)


def git(directory: Path, *words: str, **variables: str) -> str:
    """Run git, and return what it prints."""
    # Within a hook of git, its variables name the repository that the hook is about.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = outside | IDENTITY | variables
    done = subprocess.run(
        ["git", *words], cwd=directory, env=environment, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()

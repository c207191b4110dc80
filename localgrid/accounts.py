"""The unprivileged account that PostgreSQL runs as when we are root, and what that account can reach."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from localgrid.errors import GridError

PREFERRED_ACCOUNTS = ("postgres", "nobody")
PRIVATE_ROOT = Path("/var/tmp")  # noqa: S108 - what we make there belongs to us alone, see private_directory


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the machine."""

    name: str
    user_id: int
    group_id: int

    def command(self, *words: str) -> tuple[str, ...]:
        """Return a command that root runs to become this account and then the program, under the same pid."""
        return ("setpriv", f"--reuid={self.user_id}", f"--regid={self.group_id}", "--clear-groups", "--", *words)

    def reaches(self, path: Path) -> bool:
        """Say whether the account may enter a directory or run a program."""
        return subprocess.run(self.command("test", "-x", str(path)), check=False, cwd="/").returncode == 0


def unprivileged() -> Account | None:
    """Return the account to use in place of root, or None when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in PREFERRED_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    message = "PostgreSQL refuses to run as root, and this machine has no account 'postgres' or 'nobody' to run it as"
    raise GridError(message)


def private_directory(owner: Path) -> Path:
    """Make the directory outside of `owner` that keeps what the unprivileged account has to reach.

    Its name follows from `owner`, so that a grid that was killed while making it finds it again.
    """
    path = PRIVATE_ROOT / f"localgrid-{os.geteuid()}-{sha256(str(owner).encode()).hexdigest()[:12]}"
    path.mkdir(mode=0o711, exist_ok=True)
    status = path.lstat()
    if status.st_uid != os.geteuid() or path.is_symlink():
        message = f"{path} belongs to somebody else; remove it and try again"
        raise GridError(message)
    path.chmod(0o711)
    return path

"""Files that hold one secret each and that nobody else may read."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

SECRET_BYTES = 24


def keep_secret(path: Path, secret: str) -> None:
    """Write a secret, in one step, into a file that only its owner may read."""
    _unfinished(path, secret).replace(path)


def secret_in(path: Path) -> str:
    """Return the secret kept in a file, made up when the file is not there yet; all who ask get the same."""
    if not path.exists():
        made = _unfinished(path, secrets.token_urlsafe(SECRET_BYTES))
        # Of several who made one up at the same time the first is heard.
        with suppress(FileExistsError):
            path.hardlink_to(made)
        made.unlink()
    return path.read_text().strip()


def _unfinished(path: Path, secret: str) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret)
    return new

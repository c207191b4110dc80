"""Files that hold one secret each and that nobody else may read."""

import os
import secrets
from pathlib import Path

SECRET_BYTES = 24


def keep_secret(path: Path, secret: str) -> None:
    """Write a secret, in one step, into a file that only its owner may read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret)
    new.replace(path)


def secret_in(path: Path) -> str:
    """Return the secret kept in a file, made up when the file is not there yet."""
    if not path.exists():
        keep_secret(path, secrets.token_urlsafe(SECRET_BYTES))
    return path.read_text().strip()

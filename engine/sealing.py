"""Secrets that the database keeps: sealed with a key that lies beside it and never in it."""

from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from engine.errors import Unavailable


class NotSealed(Unavailable):
    """What is kept was sealed with a key that the server does not have any more."""


def seal(key_file: Path, text: str) -> bytes:
    """Encrypt a secret with the newest key."""
    return _keys(key_file).encrypt(text.encode())


def unseal(key_file: Path, sealed: bytes) -> str:
    """Decrypt a secret with whichever of the keys it was sealed with; raises `NotSealed` when it was none of them."""
    try:
        return _keys(key_file).decrypt(sealed).decode()
    except InvalidToken as error:
        raise NotSealed from error


def _keys(key_file: Path) -> MultiFernet:
    # Read each time: a new key counts without a restart, and none stays in memory.
    try:
        return MultiFernet([Fernet(line.strip()) for line in key_file.read_text().splitlines() if line.strip()])
    except (OSError, ValueError) as error:
        # The error itself may quote a key.
        raise Unavailable(f"The server's key for tokens cannot be read from {key_file}.") from (
            error if isinstance(error, OSError) else None
        )

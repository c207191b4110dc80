"""The bytes of what jobs uploaded, on storages that this machine sees: checked before the catalogues vouch for them."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from engine.errors import ServiceRefused, Unavailable
from models.log_archives import StoredLogs
from models.outbox import OutboxItem

Stored = OutboxItem | StoredLogs


def check(items: Sequence[Stored]) -> None:
    """Raise `ServiceRefused` when a file is not what its job said, `Unavailable` when its storage is not there.

    Files at addresses other than `file:` are left to their upload, which compared size and checksum.
    """
    for item in items:
        address = urlsplit(item.pfn)
        if address.scheme == "file":
            _check(item, Path(unquote(address.path)))


def _check(item: Stored, path: Path) -> None:
    try:
        size_bytes = path.stat().st_size
    except FileNotFoundError as error:
        if not path.parent.is_dir():
            raise Unavailable(f"The storage {item.rse} cannot be seen: there is no {path.parent}.") from error
        raise ServiceRefused(f"The file {item.did} is not at {item.pfn} any more.") from error
    except OSError as error:
        raise Unavailable(f"The storage {item.rse} cannot be read: {error}") from error
    if size_bytes != item.size_bytes:
        raise ServiceRefused(f"The file {item.did} at {item.pfn} has {size_bytes} bytes, not {item.size_bytes}.")

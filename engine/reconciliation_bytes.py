"""A look at the bytes of outputs, where this machine can see them: by a path, or by HTTPS."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import requests

from engine.errors import Unavailable
from engine.integrity_settings import Reconciler as ReconcilerSettings
from engine.settings import read_password
from models.outbox import OutboxItem

AT_ONCE: Final = 8
"""Files that are looked at by HTTPS at the same time."""
CHUNK_BYTES: Final = 1 << 20
GONE: Final = frozenset({404, 410})
OK: Final = 200
FIRST_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Bytes:
    """What lies at a storage; without a size, nothing does."""

    size_bytes: int | None
    adler32: str | None = None
    """None when it was not read."""


def look(settings: ReconcilerSettings, items: Sequence[OutboxItem], turn: int) -> dict[str, Bytes]:
    """Say what lies where outputs should, by DID; files that cannot be looked at from here are left out.

    A share of them, another in each turn, is read whole. Raises `Unavailable` for a storage that should be seen and is
    not: nothing can be said of its files then.
    """
    if not settings.bytes:
        return {}
    by_path = [item for item in items if urlsplit(item.pfn).scheme == "file"]
    by_https = [item for item in items if urlsplit(item.pfn).scheme in {"https", "davs", "http", "dav"}]
    seen = {item.did: _by_path(item, _chosen(settings, item.did, turn)) for item in by_path}
    _see_storages(by_path, seen, lambda item: _path(item).parent.is_dir())
    return seen | _by_https(settings, by_https, turn)


def _chosen(settings: ReconcilerSettings, did: str, turn: int) -> bool:
    return zlib.crc32(f"{turn}/{did}".encode()) < settings.checksum_share * 2**32


def _by_path(item: OutboxItem, whole: bool) -> Bytes:  # noqa: FBT001  of the look
    path = _path(item)
    try:
        size_bytes = path.stat().st_size
        return Bytes(size_bytes, _adler32(path) if whole and size_bytes == item.size_bytes else None)
    except (FileNotFoundError, NotADirectoryError):
        return Bytes(None)
    except OSError as error:
        raise Unavailable(f"The storage {item.rse} cannot be read: {error}") from error


def _path(item: OutboxItem) -> Path:
    return Path(unquote(urlsplit(item.pfn).path))


def _adler32(path: Path) -> str:
    value = 1
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            value = zlib.adler32(chunk, value)
    return f"{value:08x}"


def _see_storages(
    items: Sequence[OutboxItem], seen: Mapping[str, Bytes], has_folder: Callable[[OutboxItem], bool]
) -> None:
    """Raise `Unavailable` for a storage of which nothing at all is there: it is not mounted rather than empty."""
    there = {item.rse for item in items if seen[item.did].size_bytes is not None}
    for item in items:
        if item.rse not in there and not has_folder(item):
            raise Unavailable(f"The storage {item.rse} cannot be seen: there is no {_folder(item.pfn)}.")


def _folder(pfn: str) -> str:
    return pfn.rpartition("/")[0]


def _by_https(settings: ReconcilerSettings, items: Sequence[OutboxItem], turn: int) -> dict[str, Bytes]:
    if not items:
        return {}
    with requests.Session() as http, ThreadPoolExecutor(AT_ONCE) as threads:
        http.trust_env = False
        http.verify = True if settings.ca_path is None else str(settings.ca_path)
        if settings.token_file is not None:
            token = read_password(settings.token_file).get_secret_value()
            http.headers["Authorization"] = f"Bearer {token}"
        head = partial(_head, http, settings.timeout_seconds)

        def ask(item: OutboxItem) -> Bytes:
            wanted = {"Want-Digest": "adler32"} if _chosen(settings, item.did, turn) else {}
            return _answered(item, head(item, item.pfn, wanted))

        def has_folder(item: OutboxItem) -> bool:
            status = head(item, f"{_folder(item.pfn)}/", {}).status_code
            return status < FIRST_SERVER_ERROR and status not in GONE

        seen = dict(zip((item.did for item in items), threads.map(ask, items), strict=True))
        _see_storages(items, seen, has_folder)
        return seen


def _head(
    http: requests.Session, timeout_seconds: float, item: OutboxItem, pfn: str, headers: Mapping[str, str]
) -> requests.Response:
    address = urlsplit(pfn)
    url = address._replace(scheme=address.scheme.replace("dav", "http")).geturl()
    try:
        return http.head(url, headers=dict(headers), allow_redirects=True, timeout=timeout_seconds)
    except requests.RequestException as error:
        raise Unavailable(f"The storage {item.rse} does not answer: {error}") from error


def _answered(item: OutboxItem, answer: requests.Response) -> Bytes:
    if answer.status_code in GONE:
        return Bytes(None)
    size = answer.headers.get("Content-Length", "")
    if answer.status_code != OK or not size.isdecimal():
        raise Unavailable(f"The storage {item.rse} answers with status {answer.status_code} for {item.pfn}.")
    kind, _, value = answer.headers.get("Digest", "").partition("=")
    return Bytes(int(size), value.lower().zfill(8) if kind.lower() == "adler32" else None)

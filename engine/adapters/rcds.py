"""RCDS, the service by which users' code comes into cvmfs, over HTTP: several servers that serve the same repositories.

Its answers are lines of text: `PRESENT:` and a path, `MISSING`, or `OK` for what was taken in and appears later.
"""

import re
import ssl
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from engine.code_settings import Rcds as RcdsSettings
from engine.errors import ServiceRefused, Unavailable

PRESENT: Final = re.compile(r"PRESENT:(/[^\s:,]+)")
"""A path with a colon or a comma could not be bound into a container."""

TOKEN: Final = re.compile(r"[!-~]+")
"""What may stand in a header; the error of HTTP's library about anything else would show it."""

LATER: Final = frozenset({"OK", "MISSING"})
NOT_TOLD: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
SAID_CHARACTERS: Final = 300

Ask = Callable[[str], httpx.Response]


class Rcds:
    """The servers of RCDS."""

    def __init__(self, settings: RcdsSettings) -> None:
        self._settings = settings

    def find(self, cid: str) -> str | None:
        """Return the path of what is published; None when it is not, or not yet."""
        return self._of_any(lambda url: self._get(url, "exists", cid))

    def renew(self, cid: str) -> str | None:
        """Do as `find`, and let the time of what is published begin anew."""
        return self._of_any(lambda url: self._get(url, "update", cid))

    def publish(self, cid: str, tar: Path) -> str | None:
        """Send a tar; return the path when it was there already, None when it will be some time later."""
        size_bytes = tar.stat().st_size
        if size_bytes > self._settings.max_bytes:
            raise ServiceRefused(
                f"A tar of {_mib(size_bytes)} MiB is larger than the {_mib(self._settings.max_bytes)} MiB that may be"
                " sent to RCDS."
            )
        return self._of_any(lambda url: self._post(url, cid, tar))

    def _get(self, url: str, call: str, cid: str) -> httpx.Response:
        with self._client(self._settings.timeout_seconds) as http:
            return http.get(f"{url}/pubapi/{call}", params={"cid": cid})

    def _post(self, url: str, cid: str, tar: Path) -> httpx.Response:
        with self._client(self._settings.upload_seconds) as http, tar.open("rb") as body:
            # A file is sent piece by piece, with its size told before: the real server counts on that.
            return http.post(f"{url}/pubapi/publish", params={"cid": cid}, content=body)

    def _client(self, answer_seconds: float) -> httpx.Client:
        """Make a client for one call; calls are rare, and the token and the authorities may have been renewed."""
        settings = self._settings
        return httpx.Client(
            timeout=httpx.Timeout(settings.timeout_seconds, read=answer_seconds),
            verify=_authorities(settings),
            headers={"User-Agent": "justin", **self._token()},
            trust_env=False,
        )

    def _token(self) -> dict[str, str]:
        if self._settings.token_file is None:
            return {}
        try:
            token = self._settings.token_file.read_text("ascii", "replace").strip()
        except OSError as error:
            raise Unavailable(f"The token for RCDS (JUSTIN_RCDS__TOKEN_FILE) cannot be read: {error}.") from error
        if not TOKEN.fullmatch(token):
            raise Unavailable("The file of the token for RCDS (JUSTIN_RCDS__TOKEN_FILE) holds none.")
        return {"Authorization": f"Bearer {token}"}

    def _of_any(self, ask: Ask) -> str | None:
        """Ask one server after the other until one answers as it should, and all again after a pause."""
        if not self._settings.urls:
            raise Unavailable("This system knows no RCDS: an operator has to set JUSTIN_RCDS__URLS.")
        problems: dict[str, str] = {}
        for attempt in range(self._settings.tries):
            if attempt:
                time.sleep(self._settings.first_pause_seconds * 2 ** (attempt - 1))
            for url in self._settings.urls:
                try:
                    return _path(ask(url.rstrip("/")), url)
                except httpx.HTTPError as error:
                    problems[url] = f"RCDS at {_host(url)} does not answer: {str(error) or type(error).__name__}"
                except Unavailable as error:
                    problems[url] = str(error)
        raise Unavailable("; ".join(problems.values()))


def _path(response: httpx.Response, url: str) -> str | None:
    """Read an answer; raises `Unavailable` for what is not for us to mend, `ServiceRefused` for a request that is."""
    said = response.text.strip()
    told = " ".join(said[:SAID_CHARACTERS].split())
    host = _host(url)
    if response.status_code in NOT_TOLD:
        raise Unavailable(f"RCDS at {host} does not accept our token (JUSTIN_RCDS__TOKEN_FILE): {told}")
    if response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        raise ServiceRefused(f"RCDS at {host} takes no tar of that size: {told}")
    if response.status_code != HTTPStatus.OK:
        # The real service says "bad request" too while it is being started or cannot keep what it was sent.
        raise Unavailable(f"RCDS at {host} answers with status {response.status_code}: {told}")
    if found := PRESENT.fullmatch(said):
        return found[1]
    if said in LATER:
        return None
    raise Unavailable(f"RCDS at {host} answers what cannot be understood: {told}")


def _authorities(settings: RcdsSettings) -> ssl.SSLContext | bool:
    if not settings.ca_file:
        return _needs_tls(settings)
    try:
        return ssl.create_default_context(cafile=str(settings.ca_file))
    except OSError as error:
        raise Unavailable(f"The authorities for RCDS (JUSTIN_RCDS__CA_FILE) cannot be read: {error}.") from error


def _needs_tls(settings: RcdsSettings) -> bool:
    """Spare the reading of authorities, which takes longer than a request, where no server has a certificate."""
    return any(url.startswith("https://") for url in settings.urls)


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / (1 << 20):.4g}"

"""Requests to the API: time limits, repetition with backoff, and errors turned into classes."""

import ipaddress
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import IO, Any, Self
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from justin import __version__
from justin.errors import BadReply, JustinError, NoConnection, ServerError, Unavailable
from justin.schemas.views import Problem
from justin.states import SOURCE_HEADER, Source

API = "/api/v1"

_log = logging.getLogger(__name__)

_NOT_YET = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
"""Answers that say that nothing was done."""

_PERHAPS = {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}
"""Answers that leave open whether something was done."""

_GATEWAY = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
"""Answers that come from something between the client and the API."""


class Repeat(Enum):
    """When a request may be sent again."""

    ALWAYS = "always"
    """Reads, and writes that carry an idempotency key."""
    IF_NOT_DONE = "if not done"
    """Writes: only when the server cannot have acted on the request."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try; `first_pause_seconds` doubles at each try."""

    tries: int = 5
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 20.0
    connect_seconds: float = 5.0
    reply_seconds: float = 60.0


class Transport:
    """Sends requests to one server until they are answered, and keeps its connections."""

    def __init__(
        self,
        url: str,
        *,
        patience: Patience,
        carrier: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        source: Source = Source.API,
    ) -> None:
        self.url = url
        self._patience = patience
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=url + API,
            timeout=httpx.Timeout(patience.reply_seconds, connect=patience.connect_seconds),
            headers={
                "User-Agent": f"justin/{__version__}",
                "Accept": "application/json",
                SOURCE_HEADER: source.value,
            },
            transport=carrier,
            # A proxy of the environment cannot reach this machine's own loopback address.
            trust_env=not _is_loopback(url),
            # Without TLS there is nothing to verify, and loading the authorities takes longer than a request.
            verify=url.startswith("https://"),
        )

    def __enter__(self) -> Self:
        """Give itself; closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: Repeat = Repeat.ALWAYS,
    ) -> httpx.Response:
        """Send until there is an answer that is not "later"; raises NoConnection, BadReply or a ServerError."""
        request = self._http.build_request(
            method,
            path,
            params={name: value for name, value in (params or {}).items() if value is not None},
            content=content,
            headers={**(headers or {}), **({"Content-Type": "application/json"} if content is not None else {})},
        )
        return self._until_answered(lambda: request, repeat)

    def put_file(self, path: str, file: IO[bytes], *, reply_seconds: float) -> httpx.Response:
        """Send a file piece by piece, and again from its beginning as `request` does; it must do no harm twice."""
        patience = self._patience

        def request() -> httpx.Request:
            file.seek(0)
            timeout = httpx.Timeout(patience.reply_seconds, connect=patience.connect_seconds, read=reply_seconds)
            headers = {"Content-Type": "application/x-tar"}
            return self._http.build_request("PUT", path, content=file, headers=headers, timeout=timeout)

        return self._until_answered(request, Repeat.ALWAYS)

    def _until_answered(self, make: Callable[[], httpx.Request], repeat: Repeat) -> httpx.Response:
        attempt = 1
        while True:
            last = attempt >= self._patience.tries
            response = self._try(make(), repeat, last=last)
            if response is not None and (last or not _worth_repeating(response, repeat)):
                return _checked(response)
            self._pause(attempt, response)
            attempt += 1

    def _try(self, request: httpx.Request, repeat: Repeat, *, last: bool) -> httpx.Response | None:
        """Send once; None when that failed and may be repeated."""
        try:
            response = self._http.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            _log.debug("%s %s: no connection: %s", request.method, request.url, error)
            if last:
                raise NoConnection(f"cannot connect to {self.url}: {_reason(error)}") from error
        except httpx.TransportError as error:
            _log.debug("%s %s: no reply: %s", request.method, request.url, error)
            if last or repeat is Repeat.IF_NOT_DONE:
                raise NoConnection(self._lost(repeat, error)) from error
        else:
            _log.debug("%s %s: %d", request.method, request.url, response.status_code)
            return response
        return None

    def _lost(self, repeat: Repeat, error: httpx.TransportError) -> str:
        sentence = f"{self.url} did not answer: {_reason(error)}"
        return sentence if repeat is Repeat.ALWAYS else f"{sentence}; it may have done what was asked, so look first"

    def _pause(self, attempt: int, response: httpx.Response | None) -> None:
        """Wait before the next try, spread so that many clients do not come back at once."""
        retry_after = response.headers.get("Retry-After", "") if response is not None else ""
        spread = random.uniform(0.5, 1.5)  # noqa: S311  guards nothing
        pause = self._patience.first_pause_seconds * 2 ** (attempt - 1) * spread
        asked = float(retry_after) if retry_after.isdecimal() else 0.0
        self._sleep(min(max(pause, asked), self._patience.longest_pause_seconds))


def _worth_repeating(response: httpx.Response, repeat: Repeat) -> bool:
    if response.status_code in _NOT_YET:
        return True
    # A bad gateway that this API itself reports is a refusal by the service behind it, and stays one.
    refusal = response.status_code == HTTPStatus.BAD_GATEWAY and _is_problem(response)
    return repeat is Repeat.ALWAYS and response.status_code in _PERHAPS and not refusal


def _is_problem(response: httpx.Response) -> bool:
    return bool(response.headers.get("Content-Type", "").startswith("application/problem+json"))


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        raise _foreign(response) from None
    raise ServerError.of(problem)


def _foreign(response: httpx.Response) -> JustinError:
    """Make the error for an answer that is not the API's: a gateway's when it says so, else another server's."""
    answer = f"{response.request.url} was answered by {response.status_code} {response.reason_phrase}"
    if response.status_code in _GATEWAY:
        return Unavailable(answer)
    return BadReply(f"{answer}, not by this API: is the address right?")


def _reason(error: httpx.TransportError) -> str:
    return str(error) or type(error).__name__


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

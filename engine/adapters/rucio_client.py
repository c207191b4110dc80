"""Rucio's own client, made fit for a server: no configuration file, tokens in a private place, busy answers known."""

import logging
import random
import shutil
import tempfile
import threading
import time
import weakref
from typing import Any, Final

import requests
from rucio.client import Client
from rucio.common import exception as rucio

from engine.errors import Unavailable
from engine.settings import Rucio as RucioSettings
from engine.settings import read_password

# The client tells of every repetition at the level of errors; what comes of it is said by our own errors.
LOG: Final = logging.getLogger("rucio.client.quiet")
LOG.setLevel(logging.CRITICAL)

FIRST_SERVER_ERROR: Final = 500
PAUSES_SECONDS: Final = (0.2, 1.0)


class BoundedClient(Client):  # type: ignore[misc]  # published without types
    """The packaged client, its token in a directory of ours.

    Left to itself it keeps tokens in a place that all servers and grids on the machine share.
    """

    def __init__(self, settings: RucioSettings, token_directory: str) -> None:
        self._token_directory = token_directory
        password = read_password(settings.password_file).get_secret_value()
        super().__init__(
            rucio_host=settings.url.rstrip("/"),
            auth_host=settings.url.rstrip("/"),
            account=settings.account,
            auth_type="userpass",
            creds={"username": settings.username, "password": password},
            timeout=settings.timeout_seconds,
            user_agent="justin",
            logger=LOG,
        )

    def _get_auth_tokens(self) -> tuple[None, str, str, str]:
        directory = self._token_directory
        return None, f"{directory}/expiry", f"{directory}/token", directory

    def _send_request(self, *args: Any, **options: Any) -> requests.Response:
        """Send a request, and again a few times when the server is in trouble: nothing we ask is done twice."""
        for pause in (*PAUSES_SECONDS, None):
            response: requests.Response = super()._send_request(*args, **options)
            if response.status_code < FIRST_SERVER_ERROR or _says_why(response):
                return response
            if pause is not None:
                time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  to spread repetitions
        raise Unavailable(f"Rucio fails with status {response.status_code}: {response.text[:2000].strip()}")


def _says_why(response: requests.Response) -> bool:
    """Tell an answer about what was asked from a server in trouble: Rucio gives both this status."""
    name = response.headers.get("ExceptionClass", "")
    return name != rucio.RucioException.__name__ and hasattr(rucio, name)


class ClientPerThread:
    """A client for each thread: they share the token, but not the connection."""

    def __init__(self, settings: RucioSettings) -> None:
        self._settings = settings
        self._tokens = tempfile.mkdtemp(prefix="justin-rucio-")
        weakref.finalize(self, shutil.rmtree, self._tokens, ignore_errors=True)
        self._threads = threading.local()

    def get(self) -> BoundedClient:
        """Return this thread's client, signed in."""
        client: BoundedClient | None = getattr(self._threads, "client", None)
        if client is None:
            client = self._threads.client = BoundedClient(self._settings, self._tokens)
        return client

"""A proxy in front of a real server that answers every so many calls itself, with status 500, and may hold others."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

SECONDS = 60
OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass
class Hold:
    """Keeps calls of a kind from arriving for a while."""

    call: str
    """Method and path."""
    about: bytes
    """What is in the body."""
    waits: threading.Event = field(default_factory=threading.Event)
    """Set once there is such a call."""
    over: threading.Event = field(default_factory=threading.Event)


class FailingProxy(ThreadingHTTPServer):
    """Passes calls on to a port of loopback, but for every n-th."""

    daemon_threads = True

    def __init__(self, leads_to: int, every: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.leads_to = leads_to
        self.failed = 0
        self._every = every
        self._calls = 0
        self._hold: Hold | None = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def fails_now(self) -> bool:
        """Count a call, and say whether it is to fail."""
        with self._lock:
            self._calls += 1
            fails = self._calls % self._every == 0
            self.failed += fails
            return fails

    @contextmanager
    def holding(self, call: str, about: str) -> Iterator[Hold]:
        """Hold calls of that kind until the context is left; then they arrive, whether or not their caller lives."""
        self._hold = Hold(call, about.encode())
        try:
            yield self._hold
        finally:
            self._hold.over.set()
            self._hold = None

    def wait_if_held(self, call: str, body: bytes) -> bool:
        """Wait until a call may go on, and say whether it had to."""
        hold = self._hold
        if hold is None or hold.call != call or hold.about not in body:
            return False
        hold.waits.set()
        return hold.over.wait(SECONDS)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, FailingProxy)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = f"{self.command} {urlsplit(self.path).path}"
        if not self.server.wait_if_held(call, body) and self.server.fails_now():
            self._answer(500, {}, b"it rains")
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.server.leads_to, timeout=SECONDS)
        try:
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            response = connection.getresponse()
            self._answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  the parent looks for these

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        try:
            self._send(status, headers, content)
        except ConnectionError:  # whoever asked has died
            self.close_connection = True

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in OF_THE_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def failing(leads_to: int, every: int) -> Iterator[FailingProxy]:
    """Run a proxy for as long as the context lasts."""
    with FailingProxy(leads_to, every) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()

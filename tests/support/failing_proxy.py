"""A proxy in front of a real server that answers every so many calls itself: with status 500."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECONDS = 60
OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class FailingProxy(ThreadingHTTPServer):
    """Passes calls on to a port of loopback, but for every n-th."""

    daemon_threads = True

    def __init__(self, leads_to: int, every: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.leads_to = leads_to
        self.failed = 0
        self._every = every
        self._calls = 0
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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, FailingProxy)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.fails_now():
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

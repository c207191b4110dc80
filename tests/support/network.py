"""The network between jobs and the allocator: a relay that a test may cut, for all calls or for one kind of them."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum

from tests.support.waiting import wait_until

LARGEST_READ_BYTES = 1 << 16
UPSTREAM_SECONDS = 60.0
RESET = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing drops the connection instead of ending it."""
ANY = ""


class Cut(StrEnum):
    """What happens to a call."""

    REFUSED = "refused"
    """It does not arrive, and its caller learns that at once."""
    SILENT = "silent"
    """It does not arrive, and its caller hears nothing before the network is whole again."""
    REPLY_LOST = "reply lost"
    """It arrives, and its answer does not."""


@dataclass
class Damage:
    """A cut, and how many calls it has hit."""

    method: str
    how: Cut
    calls: int | None
    """How many are hit; None for all."""
    hit: int = 0
    mended: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float, hits: int = 1) -> None:
        """Wait until it has hit so many calls."""
        wait_until(lambda: self.hit >= hits, seconds)


class Link:
    """A relay on loopback; what it leads to is said before the first call comes."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._lock = threading.Lock()
        self._damages: list[Damage] = []
        self.port: int = listener.getsockname()[1]
        self.leads_to = 0
        """The port at the other end."""

    @contextmanager
    def cut(self, how: Cut, method: str = ANY, calls: int | None = None) -> Iterator[Damage]:
        """Cut the next calls of a method, or all calls, for as long as the context lasts."""
        damage = Damage(method, how, calls)
        with self._lock:
            self._damages.append(damage)
        try:
            yield damage
        finally:
            with self._lock:
                self._damages.remove(damage)
            damage.mended.set()

    def serve(self) -> None:
        """Relay connections until the listener is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=[connection], daemon=True).start()

    def _relay(self, caller: socket.socket) -> None:
        with caller, suppress(OSError):
            caller.settimeout(UPSTREAM_SECONDS)
            request = _whole_request(caller)
            damage = self._hit(_method(request))
            if damage is None:
                _answer(caller, self._reply(request))
                return
            if damage.how is Cut.REPLY_LOST:
                self._reply(request)
            elif damage.how is Cut.SILENT:
                damage.mended.wait()
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def _hit(self, method: str) -> Damage | None:
        with self._lock:
            for damage in self._damages:
                if damage.method in {ANY, method} and (damage.calls is None or damage.hit < damage.calls):
                    damage.hit += 1
                    return damage
        return None

    def _reply(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.leads_to), timeout=UPSTREAM_SECONDS) as server:
            server.sendall(request)
            return b"".join(iter(lambda: server.recv(LARGEST_READ_BYTES), b""))


def _answer(caller: socket.socket, reply: bytes) -> None:
    caller.sendall(reply)
    caller.shutdown(socket.SHUT_WR)


def _whole_request(caller: socket.socket) -> bytes:
    """Read a request to its end; whoever calls closes the connection after each."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += _more(caller)
    head, _, body = read.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < sum(lengths):
        body += _more(caller)
    return head + b"\r\n\r\n" + body


def _more(caller: socket.socket) -> bytes:
    read = caller.recv(LARGEST_READ_BYTES)
    if not read:
        raise ConnectionError("the caller has gone")
    return read


def _method(request: bytes) -> str:
    """Return the last word of the path, which is what the allocator calls its methods."""
    path = request.split(b" ", 2)[1].decode()
    return path.partition("?")[0].rpartition("/")[2]


@contextmanager
def link() -> Iterator[Link]:
    """Relay for as long as the context lasts."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        made = Link(listener)
        server = threading.Thread(target=made.serve)
        server.start()
        try:
            yield made
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            server.join()

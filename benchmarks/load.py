"""A load of signed calls on the allocator, from many connections at once and with little work per call."""

import hashlib
import hmac
import os
import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

PROCESSES = 2
RECEIVED_BYTES = 65_536
SILENCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Ticket:
    """Who calls, and the secret that signs the call."""

    jobsub_id: str
    secret: str
    body: bytes = b"{}"
    """What it says."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is called; the same for all."""

    port: int
    path: str


@dataclass(slots=True)
class Tally:
    """What a load came to."""

    replies: Counter[int] = field(default_factory=Counter)
    """By HTTP status."""
    bodies: list[bytes] = field(default_factory=list)
    started: float = 0.0
    ended: float = 0.0
    """In seconds of the machine's monotonic clock, which its processes share."""
    longest_seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Replies of any kind in a second."""
        return self.replies.total() / (self.ended - self.started)


def drive(call: Call, callers: Sequence[Sequence[Ticket]]) -> Tally:
    """Let every caller make its calls one after the other on a connection of its own, all callers at once."""
    shares = [callers[number::PROCESSES] for number in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        # The programs of the pool are up before the clock starts.
        list(pool.map(abs, range(PROCESSES * 4)))
        tallies = list(pool.map(_drive_share, [call] * PROCESSES, shares))
    return _sum(tallies)


def _sum(tallies: Sequence[Tally]) -> Tally:
    total = Tally(started=min(tally.started for tally in tallies), ended=max(tally.ended for tally in tallies))
    for tally in tallies:
        total.replies += tally.replies
        total.bodies += tally.bodies
        total.longest_seconds = max(total.longest_seconds, tally.longest_seconds)
    return total


class _Caller:
    """One connection and the calls that are still to be made on it."""

    def __init__(self, call: Call, tickets: Sequence[Ticket]) -> None:
        self.call = call
        self.tickets = deque(tickets)
        self.socket = socket.create_connection(("127.0.0.1", call.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.sent_at = 0.0

    def send(self) -> bool:
        """Make the next call; False when there is none."""
        if not self.tickets:
            self.socket.close()
            return False
        ticket = self.tickets.popleft()
        now, nonce = str(int(time.time())), os.urandom(16).hex()
        text = f"POST\n{self.call.path}\n{now}\n{nonce}\n{hashlib.sha256(ticket.body).hexdigest()}"
        signature = hmac.digest(ticket.secret.encode(), text.encode(), "sha256").hex()
        head = (
            f"POST {self.call.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(ticket.body)}\r\nX-Justin-Job: {ticket.jobsub_id}\r\nX-Justin-Time: {now}\r\n"
            f"X-Justin-Nonce: {nonce}\r\nX-Justin-Signature: {signature}\r\n\r\n"
        )
        self.sent_at = time.monotonic()
        self.socket.sendall(head.encode() + ticket.body)
        return True

    def receive(self) -> tuple[int, bytes] | None:
        """Return the status and body of the reply once it is whole."""
        self.received += self.socket.recv(RECEIVED_BYTES)
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return None
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return None
        self.received = b""
        return int(head[9:12]), body


def _drive_share(call: Call, shares: Sequence[Sequence[Ticket]]) -> Tally:
    callers = [_Caller(call, tickets) for tickets in shares if tickets]
    tally = Tally(started=time.monotonic())
    with selectors.DefaultSelector() as selector:
        for caller in callers:
            selector.register(caller.socket, selectors.EVENT_READ, caller)
            caller.send()
        while selector.get_map():
            ready = selector.select(SILENCE_SECONDS)
            if not ready:
                raise TimeoutError(f"the allocator did not answer for {SILENCE_SECONDS} s")
            for key, _ in ready:
                _take(key.data, tally, selector)
    tally.ended = time.monotonic()
    return tally


def _take(caller: _Caller, tally: Tally, selector: selectors.BaseSelector) -> None:
    reply = caller.receive()
    if reply is None:
        return
    status, body = reply
    tally.replies[status] += 1
    tally.bodies.append(body)
    tally.longest_seconds = max(tally.longest_seconds, time.monotonic() - caller.sent_at)
    if not caller.tickets:
        selector.unregister(caller.socket)
    caller.send()

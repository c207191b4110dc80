"""Receivers of events that misbehave: one that speaks the bulk protocol of OpenSearch, and one for webhooks."""

import gzip
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

SECRET = "correct-horse"
CUT, SLOW, GARBAGE, HALF_BUSY, ALL_BUSY = "cut", "slow", "garbage", "half busy", "all busy"
Fault = int | str
"""A status, or one of the words above."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert isinstance(self.server, _Listener)
        self.server.answer(self, body)

    def reply(self, status: int, content: object) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Keep the tests' output clean."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Callable[[_Handler, bytes], None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that has gone."""


@dataclass
class _Server:
    faults: list[Fault] = field(default_factory=list)
    """What is wrong with the next requests, in their order; all is well after them."""
    requests: int = 0

    def __enter__(self) -> Self:
        self._listener = _Listener(self.answer)
        threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._listener.server_port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown()
        self._listener.server_close()

    def answer(self, handler: _Handler, body: bytes) -> None:
        raise NotImplementedError

    def _fault(self) -> Fault | None:
        self.requests += 1
        return self.faults.pop(0) if self.faults else None


@dataclass
class BulkServer(_Server):
    """As much of OpenSearch and Elasticsearch as a publisher of events meets."""

    unfit: dict[int, str] = field(default_factory=dict)
    """Events whose documents do not fit, with the type of the error."""
    most_bytes: int = 1 << 20
    slow_seconds: float = 1.5
    templates: dict[str, Any] = field(default_factory=dict)
    documents: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """By index and id."""
    arrivals: list[int] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)

    @property
    def event_ids(self) -> set[int]:
        return {document["event_id"] for document in self.documents.values()}

    def answer(self, handler: _Handler, body: bytes) -> None:
        self.authorizations.add(handler.headers.get("Authorization", ""))
        if handler.path.startswith("/_index_template/"):
            self.templates[handler.path.rpartition("/")[2]] = json.loads(body)
            handler.reply(200, {"acknowledged": True})
            return
        fault = self._fault()
        if isinstance(fault, int):
            handler.reply(fault, {"error": {"type": "busy", "reason": "not now"}, "status": fault})
        elif fault == GARBAGE:
            handler.reply(200, {"items": [{"index": "nonsense"}]})
        elif len(body) > self.most_bytes:
            handler.reply(413, {"error": "too large"})
        else:
            self._index(handler, body, fault)

    def _index(self, handler: _Handler, body: bytes, fault: Fault | None) -> None:
        lines = [json.loads(line) for line in body.splitlines()]
        pairs = list(zip(lines[::2], lines[1::2], strict=True))
        if fault == CUT:
            # Half of it was done, and nobody is told.
            for action, document in pairs[: len(pairs) // 2]:
                self._take(action["index"], document)
            handler.close_connection = True
            return
        busy = {HALF_BUSY: len(pairs) // 2, ALL_BUSY: 0}.get(str(fault), len(pairs))
        items = [self._item(number >= busy, *pair) for number, pair in enumerate(pairs)]
        if fault == SLOW:
            time.sleep(self.slow_seconds)
        handler.reply(200, {"errors": any("error" in item["index"] for item in items), "items": items})

    def _item(self, is_busy: bool, action: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
        if is_busy:
            error = {"type": "es_rejected_execution_exception", "reason": "queue is full"}
            return {"index": {"_id": action["index"]["_id"], "status": 429, "error": error}}
        if kind := self.unfit.get(document["event_id"]):
            return {"index": {"status": 400, "error": {"type": kind, "reason": "it does not fit"}}}
        self._take(action["index"], document)
        return {"index": {"_id": action["index"]["_id"], "status": 201}}

    def _take(self, place: dict[str, str], document: dict[str, Any]) -> None:
        self.documents[place["_index"], place["_id"]] = document
        self.arrivals.append(document["event_id"])


@dataclass
class WebhookServer(_Server):
    """A receiver that takes only what is signed."""

    most_events: int = 1000
    unfit: set[int] = field(default_factory=set)
    arrivals: list[int] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, handler: _Handler, body: bytes) -> None:
        fault = self._fault()
        if fault == CUT:
            handler.close_connection = True
            return
        if isinstance(fault, int):
            handler.reply(fault, {})
            return
        told = json.loads(body)
        ids = [event["event_id"] for event in told["events"]]
        if not self._is_signed(handler, body):
            handler.reply(401, {})
        elif len(ids) > self.most_events:
            handler.reply(413, {})
        elif self.unfit & set(ids):
            handler.reply(422, {})
        else:
            self.arrivals += ids
            self.bodies.append(told)
            handler.reply(204, b"")

    def _is_signed(self, handler: _Handler, body: bytes) -> bool:
        sent_at = handler.headers["Justin-Timestamp"]
        digest = hmac.new(SECRET.encode(), f"{sent_at}.".encode() + body, hashlib.sha256).hexdigest()
        is_new = abs(time.time() - int(sent_at)) < 300
        return is_new and hmac.compare_digest(f"sha256={digest}", handler.headers["Justin-Signature"])

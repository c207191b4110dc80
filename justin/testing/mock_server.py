"""The server in memory: requests in, answers out, from a client in the same program or over the network."""

import contextlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import httpx
from pydantic import BaseModel, ValidationError

from justin.client import Client
from justin.errors import InvalidInput, NotFound, ServerError
from justin.schemas import sentences
from justin.schemas.views import Problem
from justin.testing.routes import ROUTES
from justin.testing.world import World
from justin.transport import API, Patience

_STATUS = {"invalid_input": 400, "not_allowed": 403, "not_found": 404, "wrong_state": 409, "unavailable": 503}


class MockServer:
    """A server in memory: workflows made there go on when the test says `process`.

    `queries` says which DIDs each MQL query finds. `requests` holds every request that came.
    """

    def __init__(self, *, user: str = "tester", queries: Mapping[str, Sequence[str]] | None = None) -> None:
        self.world = World(user, queries or {})
        self.requests: list[httpx.Request] = []
        self._failures: list[httpx.Response] = []
        self._lock = threading.Lock()

    def client(self, patience: Patience | None = None) -> Client:
        """Make a client that talks to this server and does not pause before it repeats a request."""
        return Client(
            "http://mock.invalid",
            patience=patience or Patience(first_pause_seconds=0, longest_pause_seconds=0),
            carrier=httpx.MockTransport(self.handle),
        )

    @contextlib.contextmanager
    def listening(self) -> Iterator[str]:
        """Serve on a free port of this machine and give the address, for programs that run the command line."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.handle))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def process(self, workflow_id: int, count: int | None = None) -> int:
        """Let jobs process waiting files, all or `count`, in every stage; returns how many were processed.

        Each file makes one output for each pattern of its stage. The workflow finishes when nothing waits.
        """
        with self._lock:
            return self.world.process(self.world.workflow(workflow_id), count)

    def break_down(self, times: int = 1, status: int = 503) -> None:
        """Answer the next requests by an error, as a server does that is being restarted."""
        self._failures += [httpx.Response(status) for _ in range(times)]

    def refuse(self, code: str, detail: str) -> None:
        """Answer the next request by the error of that code, such as `not_allowed`."""
        problem = Problem(title=code, status=_STATUS.get(code, 400), code=code, detail=detail, errors=[])
        self._failures.append(_problem(ServerError.of(problem)))

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.requests.append(request)
        if self._failures:
            return self._failures.pop(0)
        try:
            with self._lock:
                answer = self._answer(request)
        except ServerError as error:
            return _problem(error)
        except ValidationError as error:
            return _problem(InvalidInput("; ".join(map(str, sentences.of(error)))), sentences.of(error))
        if isinstance(answer, str):
            return httpx.Response(200, text=answer)
        status = 201 if isinstance(answer, tuple) else 200
        return httpx.Response(status, json=_plain(answer[0] if isinstance(answer, tuple) else answer))

    def _answer(self, request: httpx.Request) -> Any:
        path = request.url.raw_path.decode().partition("?")[0].removeprefix(API)
        for method, route, answer in ROUTES:
            match = re.fullmatch(route, path)
            if match and method == request.method:
                return answer(self.world, request, *map(unquote, match.groups()))
        raise NotFound(f"there is nothing at {request.method} {path}")


def _plain(answer: Any) -> Any:
    if isinstance(answer, BaseModel):
        return answer.model_dump(mode="json")
    if isinstance(answer, dict):
        return {name: _plain(value) for name, value in answer.items()}
    return [_plain(each) for each in answer] if isinstance(answer, list) else answer


def _problem(error: ServerError, errors: Sequence[sentences.FieldError] = ()) -> httpx.Response:
    status = _STATUS.get(error.code, 400)
    problem = {
        "type": "about:blank",
        "title": error.code.replace("_", " ").capitalize(),
        "status": status,
        "code": error.code,
        "detail": str(error),
        "errors": [{"field": each.field, "message": each.sentence} for each in errors],
    }
    return httpx.Response(status, json=problem, headers={"Content-Type": "application/problem+json"})


def _handler(handle: Callable[[httpx.Request], httpx.Response]) -> type[BaseHTTPRequestHandler]:
    """Make the class that passes what comes over the network to the server in memory."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def _pass_on(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = f"http://mock.invalid{self.path}"
            response = handle(httpx.Request(self.command, url, headers=list(self.headers.items()), content=content))
            self.send_response(response.status_code)
            self.send_header("Content-Type", response.headers.get("Content-Type", "text/plain"))
            self.send_header("Content-Length", str(len(response.content)))
            self.end_headers()
            self.wfile.write(response.content)

        def log_message(self, *_: object) -> None:
            """Say nothing: the test has the list of requests."""

    return Handler

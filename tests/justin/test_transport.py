"""Requests over the network: what is repeated, what is not, and what the user is told."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from justin import Client, Patience, WorkflowSpec, errors
from justin.transport import Repeat, Transport

HURRIED = Patience(tries=3, first_pause_seconds=0, longest_pause_seconds=0, connect_seconds=2, reply_seconds=2)


class Answers:
    """Answers one request after the other, and notes how long the client paused."""

    def __init__(self, *responses: httpx.Response | Exception, patience: Patience = HURRIED) -> None:
        self.responses = list(responses)
        self.pauses: list[float] = []
        self.requests: list[httpx.Request] = []
        self.carrier = httpx.MockTransport(self._answer)
        self.transport = Transport(
            "http://server.invalid", patience=patience, carrier=self.carrier, sleep=self.pauses.append
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        response = self.responses.pop(0)
        if isinstance(response, Exception):
            raise response
        return response


def problem(status: int, code: str, detail: str = "so it is") -> httpx.Response:
    content = {"title": code, "status": status, "code": code, "detail": detail}
    return httpx.Response(status, json=content, headers={"Content-Type": "application/problem+json"})


@contextmanager
def listener(reply: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Accept connections, read a request each, send the reply and close."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    received.append(connection.recv(65536))
                    connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", received
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("status", [408, 429, 503])
@pytest.mark.parametrize("repeat", Repeat)
def test_not_yet_is_repeated(status: int, repeat: Repeat) -> None:
    answers = Answers(httpx.Response(status), httpx.Response(200, text="done"))

    assert answers.transport.request("POST", "/x", repeat=repeat).text == "done"


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_broken_answer_is_repeated_only_where_that_is_harmless(status: int) -> None:
    reads = Answers(httpx.Response(status), httpx.Response(200, text="done"))
    assert reads.transport.request("GET", "/x").text == "done"

    writes = Answers(problem(status, "error"), httpx.Response(200))
    with pytest.raises(errors.ServerError):
        writes.transport.request("POST", "/x", repeat=Repeat.IF_NOT_DONE)
    assert len(writes.requests) == 1


@pytest.mark.parametrize(
    ("status", "code"), [(400, "invalid_input"), (403, "not_allowed"), (409, "wrong_state"), (502, "service_refused")]
)
def test_a_refusal_is_not_repeated(status: int, code: str) -> None:
    answers = Answers(problem(status, code))

    with pytest.raises(errors.Refused, match="so it is") as caught:
        answers.transport.request("GET", "/x")

    assert caught.value.code == code
    assert caught.value.problem is not None
    assert caught.value.problem.status == status


def test_tries_end() -> None:
    answers = Answers(*[problem(503, "unavailable", "MetaCat does not answer") for _ in range(3)])

    with pytest.raises(errors.Unavailable, match="MetaCat does not answer"):
        answers.transport.request("GET", "/x")

    assert len(answers.requests) == 3


def test_pauses_double_with_a_spread_up_to_a_limit() -> None:
    patience = Patience(tries=6, first_pause_seconds=1, longest_pause_seconds=6)
    answers = Answers(*[httpx.Response(503) for _ in range(5)], httpx.Response(200), patience=patience)

    answers.transport.request("GET", "/x")

    for pause, nominal in zip(answers.pauses, [1, 2, 4, 8, 16], strict=True):
        assert min(6, 0.5 * nominal) <= pause <= min(6, 1.5 * nominal)


def test_the_server_may_ask_for_a_longer_pause() -> None:
    patience = Patience(tries=2, first_pause_seconds=0.001, longest_pause_seconds=20)
    answers = Answers(httpx.Response(503, headers={"Retry-After": "7"}), httpx.Response(200), patience=patience)

    answers.transport.request("GET", "/x")

    assert answers.pauses == [7]


def test_no_connection_is_repeated_and_then_told() -> None:
    answers = Answers(*[httpx.ConnectError("refused") for _ in range(3)])

    with pytest.raises(errors.NoConnection, match=r"cannot connect to http://server\.invalid: refused"):
        answers.transport.request("POST", "/x", repeat=Repeat.IF_NOT_DONE)

    assert len(answers.requests) == 3


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with Client(f"http://127.0.0.1:{port}", patience=HURRIED) as client, pytest.raises(errors.NoConnection):
        client.whoami()


def test_a_change_whose_reply_is_lost_is_not_repeated() -> None:
    with listener(b"") as (url, received), Client(url, patience=HURRIED) as client:
        with pytest.raises(errors.NoConnection, match="it may have done what was asked, so look first"):
            client.fail_files(1)
        assert len(received) == 1


def test_a_submission_whose_reply_is_lost_is_repeated_under_its_key() -> None:
    with listener(b"") as (url, received), Client(url, patience=HURRIED) as client:
        with pytest.raises(errors.NoConnection):
            client.create_workflow(WorkflowSpec(mql="monte-carlo 1"), idempotency_key="only-once")
        assert len(received) == 3
        assert all(b"idempotency-key: only-once" in each.lower() for each in received)


def test_another_server_at_the_address_is_told() -> None:
    page = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>"

    with (
        listener(page) as (url, _),
        Client(url, patience=HURRIED) as client,
        pytest.raises(errors.BadReply, match="is the address right"),
    ):
        client.whoami()


def test_an_answer_of_another_shape_is_told() -> None:
    answers = Answers(httpx.Response(200, json={"nobody": "here"}))

    with (
        Client("http://server.invalid", carrier=answers.carrier) as client,
        pytest.raises(errors.BadReply, match="cannot read"),
    ):
        client.whoami()


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\n" + b'{"user": "me"}'

    with listener(reply) as (url, _), Client(url, patience=HURRIED) as client:
        assert client.whoami().user == "me"

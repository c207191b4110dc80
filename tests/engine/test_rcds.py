"""The adapter of RCDS, against a real server that may be down, slow, wrong or strict."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.rcds import Rcds
from engine.code_settings import Rcds as Settings
from engine.errors import ServiceRefused, Unavailable
from tests.localgrid.test_rcds import tar_of
from tests.support.rcds import LocalRcds, local_rcds
from tests.support.runtimes import NOBODY
from tests.support.waiting import wait_until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalRcds]:
    with local_rcds(tmp_path / "rcds") as made:
        yield made


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    path = tmp_path / "code.tar"
    path.write_bytes(tar_of(("run.sh", b"echo hi\n")))
    return path


def test_a_tar_is_sent_and_found(server: LocalRcds, tar: Path) -> None:
    rcds = Rcds(server.settings())

    assert rcds.find("dune/1") is None
    assert rcds.publish("dune/1", tar) is None
    wait_until(lambda: rcds.find("dune/1") is not None)
    path = rcds.renew("dune/1")
    assert path
    assert (Path(path) / "run.sh").read_text() == "echo hi\n"
    assert rcds.publish("dune/1", tar) == path


def test_the_next_server_is_asked_when_one_is_down(server: LocalRcds, tar: Path) -> None:
    rcds = Rcds(server.settings().model_copy(update={"urls": [NOBODY, server.url]}))

    assert rcds.publish("dune/2", tar) is None
    wait_until(lambda: rcds.find("dune/2") is not None)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
def test_trouble_is_for_later_and_names_the_server(server: LocalRcds, tar: Path, status: int) -> None:
    rcds = Rcds(server.settings())
    server.faults.status = status

    with pytest.raises(Unavailable, match=rf"RCDS at {server.url.removeprefix('http://')} "):
        rcds.publish("dune/3", tar)
    assert server.uploads == server.settings().tries


def test_an_answer_that_makes_no_sense_is_no_answer(server: LocalRcds) -> None:
    rcds = Rcds(server.settings())
    for answer in ("<html>", "PRESENT:relative/path", "PRESENT:/a:b", ""):
        server.faults.says = answer or "\n"
        with pytest.raises(Unavailable, match="cannot be understood"):
            rcds.find("dune/4")


def test_too_large_is_for_good_and_nothing_is_sent(server: LocalRcds, tar: Path) -> None:
    with pytest.raises(ServiceRefused, match="larger than"):
        Rcds(server.settings().model_copy(update={"max_bytes": 100})).publish("dune/5", tar)
    assert server.uploads == 0
    tar.write_bytes(b"x" * (2 << 20))
    with pytest.raises(ServiceRefused, match="takes no tar of that size"):
        Rcds(server.settings()).publish("dune/5", tar)


def test_a_server_that_says_nothing_is_not_waited_for(tar: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = Settings(urls=[url], timeout_seconds=0.2, upload_seconds=0.2, tries=1)
        began = time.monotonic()
        with pytest.raises(Unavailable, match=r"does not answer: .*timed out"):
            Rcds(settings).find("x")
        with pytest.raises(Unavailable, match=r"does not answer: .*timed out"):
            Rcds(settings).publish("x", tar)
        assert time.monotonic() - began < 30


def test_an_operator_is_told_what_is_not_set(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="JUSTIN_RCDS__URLS"):
        Rcds(Settings()).find("x")
    with pytest.raises(Unavailable, match="token"):
        Rcds(Settings(urls=[NOBODY], token_file=tmp_path / "none", tries=1)).find("x")


@pytest.mark.parametrize("content", ["", "two\nlines\n", "naïve"])
def test_a_token_that_cannot_be_sent_is_not_shown(server: LocalRcds, tmp_path: Path, content: str) -> None:
    (tmp_path / "broken").write_text(content)
    settings = server.settings().model_copy(update={"token_file": tmp_path / "broken"})

    with pytest.raises(Unavailable, match="JUSTIN_RCDS__TOKEN_FILE") as caught:
        Rcds(settings).find("x")
    assert not any(word in str(caught.value) for word in content.split())
    assert server.calls == []


def test_authorities_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="JUSTIN_RCDS__CA_FILE"):
        Rcds(Settings(urls=[NOBODY], ca_file=tmp_path / "none", tries=1)).find("x")

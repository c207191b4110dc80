"""The grid's own RCDS: its protocol, the time that things take and last, and strangers' tars."""

import io
import os
import shutil
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from localgrid.rcds.publisher import Publisher
from localgrid.rcds.unpacking import unpack
from tests.support.rcds import TOKEN, LocalRcds, local_rcds
from tests.support.waiting import wait_until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalRcds]:
    with local_rcds(tmp_path) as made:
        yield made


def tar_of(*members: tuple[str, bytes], links: dict[str, str] | None = None, kind: bytes = tarfile.SYMTYPE) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, target in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, target
            tar.addfile(link)
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def ask(server: LocalRcds, call: str, cid: str, body: bytes | None = None, token: str = TOKEN) -> httpx.Response:
    return httpx.request(
        "GET" if body is None else "POST",
        f"{server.url}/pubapi/{call}",
        params={"cid": cid},
        content=body,
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )


def path_of(server: LocalRcds, cid: str) -> Path:
    """Wait until a publication is there, and return where."""
    wait_until(lambda: ask(server, "exists", cid).text.startswith("PRESENT:"))
    return Path(ask(server, "exists", cid).text.removeprefix("PRESENT:").strip())


def test_what_is_sent_appears_and_is_there_for_whoever_sends_it_again(server: LocalRcds) -> None:
    assert ask(server, "exists", "dune/abc").text == "MISSING\n"
    assert ask(server, "update", "dune/abc").text == "MISSING\n"
    assert ask(server, "publish", "dune/abc", tar_of(("a/b.txt", b"hello"))).text == "OK\n"

    path = path_of(server, "dune/abc")
    assert (path / "a" / "b.txt").read_bytes() == b"hello"
    assert ask(server, "publish", "dune/abc", b"not even a tar").text == f"PRESENT:{path}\n"
    assert ask(server, "update", "dune/abc").text == f"PRESENT:{path}\n"


def test_others_can_read_what_is_published(server: LocalRcds) -> None:
    ask(server, "publish", "one", tar_of(("x", b"")))

    assert path_of(server, "one").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("cid", ["", "a/b/c", "../up", ".hidden", "a'b", "a/.b"])
def test_a_name_that_is_none_is_refused(server: LocalRcds, cid: str) -> None:
    assert ask(server, "publish", cid, b"").status_code == 400


def test_nothing_is_told_without_the_token(server: LocalRcds) -> None:
    assert [ask(server, call, "x", token="other").status_code for call in ("exists", "update")] == [403, 403]
    assert ask(server, "publish", "x", b"", token="other").status_code == 403
    assert httpx.get(f"{server.url}/pubapi/ping").text == "OK\n"
    assert httpx.get(f"{server.url}/pubapi/config").text == "repos:user1.test,user2.test\n"


def test_what_is_too_large_is_refused_and_leaves_nothing(server: LocalRcds) -> None:
    assert ask(server, "publish", "big", b"x" * ((1 << 20) + 1)).status_code == 413
    assert [path for path in server.publisher.settings.queue_directory.rglob("*") if path.is_file()] == []


def test_what_was_sent_is_published_by_the_next_server_when_this_one_stops(tmp_path: Path) -> None:
    with local_rcds(tmp_path, delay_seconds=3600) as server:
        ask(server, "publish", "dune/late", tar_of(("x", b"1")))
        settings = server.publisher.settings
        assert ask(server, "exists", "dune/late").text == "MISSING\n"
    with Publisher(settings.model_copy(update={"delay_seconds": 0.0})) as publisher:
        wait_until(lambda: publisher.shelves.find("dune/late") is not None)


def test_what_is_not_renewed_goes_away(server: LocalRcds) -> None:
    for cid in ("g/kept", "g/left"):
        ask(server, "publish", cid, tar_of(("x", b"")))
    kept, left = path_of(server, "g/kept"), path_of(server, "g/left")
    for path in (kept, left):
        stamp = path.parents[2] / "ts" / path.parent.name / path.name
        os.utime(stamp, (time.time() - 2000, time.time() - 2000))
    ask(server, "update", "g/kept")

    assert ask(server, "exists", "g/left").text == "MISSING\n"
    server.publisher.shelves.sweep()
    assert (kept.exists(), left.exists()) == (True, False)


def test_a_tar_that_cannot_be_unpacked_does_not_stop_the_others(server: LocalRcds) -> None:
    assert ask(server, "publish", "bad", b"no tar").text == "OK\n"
    ask(server, "publish", "good", tar_of(("x", b"")))

    path_of(server, "good")
    wait_until(lambda: not any(server.publisher.settings.queue_directory.iterdir()))
    assert ask(server, "exists", "bad").text == "MISSING\n"


def test_nothing_is_written_outside_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    tar = tmp_path / "x.tar"
    for content in (
        tar_of(("../outside/up", b"x")),
        tar_of(("door/through", b"x"), links={"door": str(tmp_path / "outside")}),
    ):
        tar.write_bytes(content)
        with pytest.raises(tarfile.TarError):
            unpack(tar, tmp_path / "in")
        shutil.rmtree(tmp_path / "in", ignore_errors=True)
    secret = tmp_path / "outside" / "secret"
    for linked in ("../outside/secret", str(secret)):
        secret.write_text("as it was")
        tar.write_bytes(tar_of(("door", b"x"), links={"door": linked}, kind=tarfile.LNKTYPE))
        with pytest.raises(tarfile.TarError):
            unpack(tar, tmp_path / "in")
        assert secret.read_text() == "as it was"
        secret.unlink()
    tar.write_bytes(tar_of(("x", b""), links={"elsewhere": "/usr"}))
    unpack(tar, tmp_path / "in")

    assert list((tmp_path / "outside").iterdir()) == []
    assert (tmp_path / "in" / "elsewhere").readlink() == Path("/usr")

"""A user's own code comes to where jobs see it: from the command line through the API to a real RCDS."""

import getpass
import gzip
import hashlib
import io
import json
import os
import socket
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from engine.adapters.git_mirrors import GitMirrors
from engine.adapters.rcds import Rcds
from engine.code_settings import Git
from engine.runtime import Runtime
from justin import cli
from justin.code_tars import write_tar
from justin.errors import BadUpload
from justin.schemas.uploads import CodeView
from justin.states import EventType
from justin.testing import MockServer
from models.records import Event
from services.api.app import create_app
from tests.support.rcds import LocalRcds, local_rcds
from tests.support.repositories import make_repository
from tests.support.serving import serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalRcds]:
    with local_rcds(tmp_path / "rcds") as made:
        yield made


@pytest.fixture
def url(runtime: Runtime, server: LocalRcds, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    rcds = server.settings().model_copy(update={"max_bytes": 200_000})
    settings = runtime.settings.model_copy(update={"rcds": rcds})
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with serving(create_app(replace(runtime, settings=settings, code_store=Rcds(rcds)))) as made:
        monkeypatch.setenv("JUSTIN_URL", made)
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "mine"
    (made / "lib").mkdir(parents=True)
    (made / "lib" / "a.py").write_text("A = 1\n")
    (made / "run").write_text("#!/bin/sh\n")
    (made / "run").chmod(0o700)
    (made / "link").symlink_to("lib/a.py")
    return made


def run(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    return end.value.code


def tar_with(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", *, behind: str = "") -> bytes:
    """Make a tar of one strange member, and of a file behind it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for each in filter(None, (name, behind)):
            member = tarfile.TarInfo(each)
            if each == name:
                member.type, member.linkname = kind, target
            tar.addfile(member)
    return buffer.getvalue()


def tar_of(folder: Path) -> bytes:
    buffer = io.BytesIO()
    write_tar(folder, buffer)
    return buffer.getvalue()


def uploads(runtime: Runtime) -> list[tuple[str, str | None]]:
    """Return who uploaded something, and by which way."""
    with runtime.session() as session:
        found = session.exec(select(Event).where(Event.event_type == EventType.CODE_UPLOADED)).all()
        return [(each.actor, each.source) for each in found]


def test_a_folder_is_uploaded_once_and_its_path_is_printed(
    url: str, runtime: Runtime, server: LocalRcds, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert url
    assert run("upload-code", str(folder), "--poll-seconds", "0.1") == 0
    path = Path(capsys.readouterr().out.strip())
    assert (path / "lib" / "a.py").read_text() == "A = 1\n"
    assert os.access(path / "run", os.X_OK)
    assert (path / "link").readlink() == Path("lib/a.py")

    os.utime(folder / "run", (0, 0))
    assert run("upload-code", str(folder), "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"sha256": hashlib.sha256(tar_of(folder)).hexdigest(), "path": str(path)}
    assert "there already" in said.err
    assert (server.uploads, uploads(runtime)) == (1, [(getpass.getuser(), "command")])


def test_a_tar_is_sent_as_it_is(url: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert url
    tar = tmp_path / "x.tar"
    tar.write_bytes(tar_of(folder))

    assert run("upload-code", str(tar), "--no-wait", "--json") == 0
    assert CodeView.model_validate_json(capsys.readouterr().out).sha256 == hashlib.sha256(tar.read_bytes()).hexdigest()


def test_a_compressed_tar_is_the_same_content(
    url: str, server: LocalRcds, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert url
    plain, compressed = tmp_path / "x.tar", tmp_path / "x.tar.gz"
    plain.write_bytes(tar_of(folder))
    compressed.write_bytes(gzip.compress(plain.read_bytes()))

    assert run("upload-code", str(plain), "--poll-seconds", "0.1") == 0
    assert run("upload-code", str(compressed)) == 0
    first, second = capsys.readouterr().out.split()
    assert (first, server.uploads) == (second, 1)


@pytest.mark.parametrize(
    "tar",
    [
        tar_with("../up"),
        tar_with("/etc/x"),
        tar_with("a/../../up"),
        tar_with("door", tarfile.SYMTYPE, "/etc", behind="door/through"),
        tar_with("./door", tarfile.SYMTYPE, "/etc", behind="door//through"),
        tar_with("door", tarfile.LNKTYPE, "../up"),
        tar_with("device", tarfile.CHRTYPE),
        tar_with("pipe", tarfile.FIFOTYPE),
        gzip.compress(tar_with("x")),
    ],
)
def test_a_tar_that_could_do_harm_is_not_passed_on(url: str, server: LocalRcds, tar: bytes) -> None:
    reply = httpx.put(f"{url}/api/v1/code/{hashlib.sha256(tar).hexdigest()}", content=tar, timeout=10)

    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_input")
    assert server.calls == []


def test_what_does_not_appear_is_told(
    url: str, server: LocalRcds, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert url
    server.faults.loses = 1

    assert run("upload-code", str(folder), "--timeout-seconds", "1", "--poll-seconds", "0.2") == 5
    assert "not to be seen after 1 s" in capsys.readouterr().err


def test_what_is_no_code_is_not_sent(
    url: str, server: LocalRcds, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert url
    (tmp_path / "text").write_text("no tar\n")

    for name in ("text", "nothing"):
        assert run("upload-code", str(tmp_path / name)) == 2
        assert str(tmp_path / name) in capsys.readouterr().err
    assert server.calls == []


def test_too_much_is_refused_before_it_is_sent_on(
    url: str, server: LocalRcds, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert url
    (folder / "big").write_bytes(os.urandom(300_000))

    assert run("upload-code", str(folder)) == 1
    assert "may be uploaded" in capsys.readouterr().err
    assert server.uploads == 0


def test_what_arrives_must_be_what_was_announced(url: str, server: LocalRcds, folder: Path) -> None:
    tar = tar_of(folder)

    def put(sha256: str, body: bytes | Iterator[bytes]) -> httpx.Response:
        return httpx.put(f"{url}/api/v1/code/{sha256}", content=body, timeout=10)

    assert put("0" * 64, tar).json()["code"] == "invalid_input"
    assert "no tar" in put(hashlib.sha256(b"text").hexdigest(), b"text").json()["detail"]
    assert put("not-a-hash", tar).status_code == 400
    # Without a length told before, it is broken off on the way.
    assert put("0" * 64, iter([b"x" * 50_000] * 10)).json()["code"] == "invalid_input"
    assert server.uploads == 0


def test_an_rcds_that_is_away_is_told(url: str, server: LocalRcds, folder: Path) -> None:
    server.faults.status = 500
    reply = httpx.get(f"{url}/api/v1/code/{hashlib.sha256(tar_of(folder)).hexdigest()}", timeout=10)

    assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")
    assert "RCDS at 127.0.0.1" in reply.json()["detail"]


def test_the_server_in_memory_takes_code_too(folder: Path) -> None:
    with MockServer().client() as client:
        steps: list[str] = []
        path = client.upload_code(folder, on_progress=steps.append).path
        assert path.startswith("/cvmfs/")
        assert client.upload_code(folder, on_progress=steps.append).path == path
    assert [step.split()[0] for step in steps] == ["Uploading", "The"]


def test_a_folder_gives_the_same_tar_as_its_repository(folder: Path, tmp_path: Path) -> None:
    repositories = tmp_path / "repositories"
    made = make_repository(repositories, f"dune/{uuid.uuid4().hex}")
    files = {"b/c": "1", "b.txt": "2", "b-": "3", "a/é/ü": "4", ".github/x": "5", "sub/.github/y": "6"}
    commit = made.commit(files)
    mirrors = GitMirrors(Git(url=None, directory=repositories, mirrors=tmp_path / "mirrors"))
    archive = mirrors.archive(made.name, commit, tmp_path / "tars")

    assert tar_of(made.checkout) == archive.path.read_bytes()
    assert tar_of(folder) != archive.path.read_bytes()


@given(mode=st.sampled_from([0o600, 0o644, 0o666, 0o664]), time=st.integers(0, 2_000_000_000))
def test_times_and_others_rights_do_not_matter(mode: int, time: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    for folder in (one, other):
        (folder / "x").write_text("x")
    (other / "x").chmod(mode)
    os.utime(other / "x", (time, time))

    assert tar_of(one) == tar_of(other)


def test_what_is_neither_file_nor_folder_is_refused(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(folder / "door"))
        with pytest.raises(BadUpload, match="door"):
            tar_of(folder)

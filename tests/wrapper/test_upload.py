"""Outputs on their way to storages that work, half work, and do not work."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.scripted_allocator import ScriptedAllocator, file_target, problem
from tests.support.webdav_server import TOKEN, WebDavServer
from tests.wrapper.conftest import Slot
from wrapper import directory, outputs, upload, webdav
from wrapper.heartbeat import StoppedError
from wrapper.outputs import Output
from wrapper.targets import Parcel, Target, UploadError

CONTENT = os.urandom(10_000_000)
PATTERN = {"pattern_id": 1, "pattern": "*.root", "for_next_stage": False}


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    path = tmp_path / "a.root"
    path.write_bytes(CONTENT)
    size_bytes, adler32 = outputs.adler32(path)
    return Parcel(Output("a.root", path, 1, size_bytes, adler32), ca_path="", timeout_seconds=60)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[WebDavServer]:
    with WebDavServer(tmp_path / "storage") as running:
        yield running


def web_target(storage: WebDavServer, path: str = "/usertests/w504/a.root") -> Target:
    return Target("MANCHESTER", "https", storage.url + path, TOKEN)


def names(path: Path) -> list[str]:
    return [entry.name for entry in path.iterdir()]


def methods(storage: WebDavServer) -> list[str]:
    return [seen.method for seen in storage.seen]


def test_file_lands_whole_under_its_name(parcel: Parcel, tmp_path: Path) -> None:
    place = tmp_path / "rse" / "some where" / "a.root"

    directory.put(parcel, Target("RSE", "file", "file://localhost" + str(place).replace(" ", "%20")))

    assert place.read_bytes() == CONTENT
    assert names(place.parent) == ["a.root"]


def test_file_that_cannot_be_written_leaves_nothing(parcel: Parcel, tmp_path: Path) -> None:
    (tmp_path / "rse").mkdir()
    (tmp_path / "rse" / "a.root").mkdir()  # a directory in the file's place

    with pytest.raises(UploadError):
        directory.put(parcel, Target("RSE", "file", f"file://{tmp_path}/rse/a.root"))

    assert names(tmp_path / "rse") == ["a.root"]


def test_file_that_changed_since_it_was_recorded_is_refused(parcel: Parcel, tmp_path: Path) -> None:
    parcel.path.write_bytes(CONTENT[:-1])

    with pytest.raises(UploadError, match="adler32"):
        directory.put(parcel, Target("RSE", "file", f"file://{tmp_path}/rse/a.root"))

    assert names(tmp_path / "rse") == []


@pytest.mark.parametrize("redirects", [False, True])
@pytest.mark.parametrize("knows_expect", [False, True])
def test_webdav_makes_collections_and_follows_redirections(
    parcel: Parcel, storage: WebDavServer, redirects: bool, knows_expect: bool
) -> None:
    storage.behaviour.redirects = redirects
    storage.behaviour.knows_expect = knows_expect

    webdav.put(parcel, web_target(storage))

    assert (storage.directory / "usertests/w504/a.root").read_bytes() == CONTENT
    assert [seen.path for seen in storage.seen if seen.method == "MKCOL"][-1] == "/usertests/w504/"
    sent = [seen for seen in storage.seen if seen.body_bytes]
    assert len(sent) == 1
    assert sent[0].port == (storage.pool if redirects else storage.door)
    assert all(seen.authorized == (seen.port == storage.door) for seen in storage.seen)


def test_webdav_makes_collections_that_another_makes_at_once(parcel: Parcel, storage: WebDavServer) -> None:
    storage.behaviour.fails_once_made = True

    webdav.put(parcel, web_target(storage))

    assert (storage.directory / "usertests/w504/a.root").read_bytes() == CONTENT


def test_webdav_of_an_empty_file(parcel: Parcel, storage: WebDavServer) -> None:
    parcel.path.write_bytes(b"")
    empty = parcel._replace(output=parcel.output._replace(size_bytes=0, adler32="00000001"))

    webdav.put(empty, web_target(storage, "/a.root"))

    assert (storage.directory / "a.root").read_bytes() == b""


def test_webdav_without_a_digest_compares_the_size(parcel: Parcel, storage: WebDavServer) -> None:
    storage.behaviour.tells_digest = False
    webdav.put(parcel, web_target(storage, "/a.root"))
    storage.behaviour.loses_bytes = 1

    with pytest.raises(UploadError, match="size"):
        webdav.put(parcel, web_target(storage, "/a.root"))

    assert not (storage.directory / "a.root").exists()


def test_webdav_that_stores_something_else_is_cleaned(parcel: Parcel, storage: WebDavServer) -> None:
    storage.behaviour.wrong_adler32 = True

    with pytest.raises(UploadError, match="adler32"):
        webdav.put(parcel, web_target(storage, "/a.root"))

    assert methods(storage) == ["PUT", "HEAD", "DELETE"]
    assert not (storage.directory / "a.root").exists()


def test_webdav_that_refuses_keeps_what_was_there(parcel: Parcel, storage: WebDavServer) -> None:
    with pytest.raises(UploadError, match="401"):
        webdav.put(parcel, web_target(storage, "/a.root")._replace(token="wrong"))

    assert methods(storage) == ["PUT"]


def test_webdav_that_is_away_is_an_upload_error(parcel: Parcel, tmp_path: Path) -> None:
    with WebDavServer(tmp_path / "gone") as gone:
        url = gone.url

    with pytest.raises(UploadError):
        webdav.put(parcel, Target("RSE", "davs", url.replace("http:", "dav:") + "/a.root"))


def test_next_target_is_tried(slot: Slot, allocator: ScriptedAllocator, storage: WebDavServer, tmp_path: Path) -> None:
    storage.behaviour.put_status = 507
    allocator.work["output_patterns"] = [PATTERN]
    allocator.targets = [
        {"rse": "TAPE", "protocol": "srm", "url": "srm://host"},
        {"rse": "CERN", "protocol": "davs", "url": storage.url, "token": TOKEN},
        {"rse": "XROOTD", "protocol": "root", "url": "root://host//path"},
        file_target(tmp_path / "small", "SMALL", size_limit_bytes=2),
        file_target(tmp_path / "rse", "FNAL"),
    ]

    finished = slot.run("#!/bin/sh\necho hello > a.root\n")

    assert finished.code == 0
    taken = [(done.rse, done.url) for done in allocator.one("confirm_results").outputs]
    assert taken == [("FNAL", (tmp_path / "rse" / "a.root").as_uri())]
    assert "does not know the protocol srm" in finished.log
    assert "was answered 507" in finished.log
    assert "xrdcp is not on this node" in finished.log
    assert TOKEN not in finished.log


def test_output_without_a_place_takes_the_others_back(slot: Slot, allocator: ScriptedAllocator, tmp_path: Path) -> None:
    allocator.work["output_patterns"] = [PATTERN]
    allocator.targets = [file_target(tmp_path / "rse", "FNAL", size_limit_bytes=10)]

    finished = slot.run("#!/bin/sh\necho small > a.root\necho much larger > b.root\n")

    assert finished.code == 0
    aborted = allocator.one("job_aborted")
    assert (aborted.reason, aborted.rse) == ("upload_failed", "FNAL")
    assert "b.root" in aborted.detail
    assert names(tmp_path / "rse") == []
    assert "confirm_results" not in allocator.methods()


def test_stop_between_two_uploads(parcel: Parcel, tmp_path: Path) -> None:
    target = Target("RSE", "file", f"file://{tmp_path}/rse/a.root")
    asked: list[bool] = []

    def stop_at_second() -> None:
        asked.append(True)
        if len(asked) == 2:
            raise StoppedError("stop")

    plans = [upload.Plan(parcel.output, [target]), upload.Plan(parcel.output, [target])]
    with pytest.raises(StoppedError):
        upload.upload_all(plans, "", stop_at_second)

    assert names(tmp_path / "rse") == []


def test_xrdcp_gets_the_token_by_its_environment_and_checks(
    slot: Slot, allocator: ScriptedAllocator, tmp_path: Path
) -> None:
    slot.command("xrdcp", f'#!/bin/sh\necho "$@" > {tmp_path}/argv; echo $BEARER_TOKEN > {tmp_path}/token\n')
    allocator.work["output_patterns"] = [PATTERN]
    allocator.targets = [{"rse": "CERN", "protocol": "root", "url": "root://host:1094//eos", "token": TOKEN}]

    slot.run("#!/bin/sh\nprintf hello > a.root\n")

    argv = (tmp_path / "argv").read_text().split()
    assert argv[-2:] == [str(slot.workspace / "a.root"), "root://host:1094//eos/a.root"]
    assert argv[argv.index("--cksum") + 1] == "adler32:062c0215"
    assert TOKEN not in argv
    assert (tmp_path / "token").read_text() == TOKEN + "\n"
    assert allocator.one("confirm_results").outputs[0].rse == "CERN"


def test_confirmation_that_is_refused_is_reported(slot: Slot, allocator: ScriptedAllocator, tmp_path: Path) -> None:
    allocator.work["output_patterns"] = [PATTERN]
    allocator.targets = [file_target(tmp_path / "rse")]
    allocator.script["confirm_results"].append(problem(409, "wrong_size"))

    slot.run("#!/bin/sh\necho hello > a.root\n")

    aborted = allocator.one("job_aborted")
    assert (aborted.reason, aborted.method) == ("confirm_failed", "confirm_results")


def test_uploaded_file_may_be_read_by_others(parcel: Parcel, tmp_path: Path) -> None:
    directory.put(parcel, Target("RSE", "file", f"file://{tmp_path}/rse/a.root"))

    assert stat.S_IMODE((tmp_path / "rse" / "a.root").stat().st_mode) & 0o444 == 0o444

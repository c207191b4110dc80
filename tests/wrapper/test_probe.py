"""What a probe finds at storages that work, do not work, or never answer."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from justin.schemas.jobs import RecordProbe
from tests.support.scripted_allocator import JOBSUB_ID, ScriptedAllocator, file_target
from tests.support.webdav_server import TOKEN, WebDavServer
from tests.wrapper.conftest import Slot
from wrapper import outputs, probe, webdav, xrootd
from wrapper.heartbeat import StoppedError
from wrapper.outputs import Output
from wrapper.targets import Parcel, Target, UploadError

CONTENT = "what lies at every storage\n"
SITE = "UK_Manchester"


def trial(rse: str, *, read: Path | None = None, write: Path | None = None, keep: bool = False) -> dict[str, Any]:
    targets = [file_target(write, rse)] if write else []
    return {"rse": rse, "read_url": read.as_uri() if read else "", "targets": targets, "keep": keep}


def work(*trials: dict[str, Any]) -> dict[str, Any]:
    return {
        "jobsub_id": JOBSUB_ID,
        "instance": "",
        "site_name": SITE,
        "content": CONTENT,
        "trials": list(trials),
        "heartbeat_seconds": 600,
    }


def found(place: Path, *trials: dict[str, Any], seconds_left: float = 60.0) -> dict[str, Any]:
    """Run a probe, and return what it found by storage."""
    message = probe.run(work(*trials), place / "probe", "", seconds_left, lambda: None)
    report = RecordProbe.model_validate(message)
    return {storage.rse: storage for storage in report.storages}


def outcome(storage: Any) -> tuple[bool | None, bool | None]:
    read, write = storage.read, storage.write
    return (read.ok if read else None, write.ok if write else None)


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """The file that is to be read."""
    path = tmp_path / "rse" / "known.txt"
    path.parent.mkdir()
    path.write_text(CONTENT)
    return path


def test_a_probe_tells_what_it_could_read_and_write(
    slot: Slot, allocator: ScriptedAllocator, known: Path, tmp_path: Path
) -> None:
    new, not_a_directory = tmp_path / "new", known / "below-a-file"
    allocator.work = work(
        trial("GOOD", read=known, write=known.with_name("own.txt")),
        trial("FIRST", write=new / "known.txt", keep=True),
        trial("BROKEN", read=tmp_path / "nowhere.txt", write=not_a_directory),
        trial("UNWRITABLE", read=known),
    )

    finished = slot.run()

    assert finished.code == 0, finished.log
    assert allocator.methods() == ["get_jobscript", "record_probe"]
    report = allocator.one("record_probe")
    assert {storage.rse: outcome(storage) for storage in report.storages} == {
        "GOOD": (True, True),
        "FIRST": (True, True),
        "BROKEN": (False, False),
        "UNWRITABLE": (True, None),
    }
    lines = {line.split()[2]: line for line in report.jobscript_log.splitlines()}
    assert lines["GOOD"] == f"==awt== {SITE} GOOD 0 0"
    assert lines["UNWRITABLE"] == f"==awt== {SITE} UNWRITABLE 0 -"
    assert lines["BROKEN"].startswith(f"==awt== {SITE} BROKEN 1 1 ")
    assert lines["GOOD"] in finished.log
    assert [path.name for path in known.parent.iterdir()] == ["known.txt"], "what was written is gone again"
    assert (new / "known.txt").read_text() == CONTENT


def test_what_is_not_what_it_should_be_cannot_be_read(known: Path, tmp_path: Path) -> None:
    known.write_text(CONTENT.upper())

    assert outcome(found(tmp_path, trial("RSE", read=known))["RSE"]) == (False, None)


def test_a_file_that_is_lost_is_written_before_it_is_read(known: Path, tmp_path: Path) -> None:
    known.unlink()

    assert outcome(found(tmp_path, trial("RSE", read=known, write=known, keep=True))["RSE"]) == (True, True)
    assert known.read_text() == CONTENT


def test_the_next_address_is_tried_when_one_fails(known: Path, tmp_path: Path) -> None:
    told = trial("RSE", write=known.with_name("own.txt"))
    told["targets"] = [{"rse": "RSE", "protocol": "carrier-pigeon", "url": "x"}, *told["targets"]]

    assert outcome(found(tmp_path, told)["RSE"]) == (None, True)


def test_every_address_that_failed_is_told(tmp_path: Path) -> None:
    told = trial("RSE", write=tmp_path / "x")
    told["targets"] = [{"rse": "RSE", "protocol": each, "url": "x"} for each in ("pigeon", "bottle")]

    message = found(tmp_path, told)["RSE"].write.message
    assert "pigeon" in message
    assert "bottle" in message


def test_an_address_of_an_unknown_kind_cannot_be_read(tmp_path: Path) -> None:
    told = trial("RSE") | {"read_url": "pigeon://host/file"}

    assert "pigeon" in found(tmp_path, told)["RSE"].read.message


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Path]:
    """A file whose reader waits for ever, as on a dead mount."""
    path = tmp_path / "hanging"
    os.mkfifo(path)
    yield path
    # Whoever waits is let go, so that no thread outlives the test.
    with path.open("r+b", buffering=0):
        for thread in threading.enumerate():
            if thread.name == "probe":
                thread.join(0.2)


def test_a_storage_that_hangs_keeps_nobody_waiting(hanging: Path, known: Path, tmp_path: Path) -> None:
    one = found(tmp_path, trial("HANGS", read=hanging), trial("GOOD", read=known), seconds_left=2.0)

    assert outcome(one["GOOD"]) == (True, None)
    assert outcome(one["HANGS"]) == (False, None)
    assert "did not end within 1 s" in one["HANGS"].read.message


def test_storages_that_were_not_reached_in_time_are_not_blamed(hanging: Path, known: Path, tmp_path: Path) -> None:
    hang = [trial(f"HANGS{number}", read=hanging) for number in range(probe.AT_ONCE)]

    assert "LATE" not in found(tmp_path, *hang, trial("LATE", read=known), seconds_left=1.0)


def test_a_probe_stops_when_it_is_told_to(hanging: Path, tmp_path: Path) -> None:
    def stop() -> None:
        raise StoppedError("enough")

    with pytest.raises(StoppedError):
        probe.run(work(trial("HANGS", read=hanging)), tmp_path / "probe", "", 600.0, stop)


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    path = tmp_path / "own.txt"
    path.write_text(CONTENT)
    return Parcel(Output(path.name, path, 0, *outputs.adler32(path)), ca_path="", timeout_seconds=10)


@pytest.mark.parametrize("redirects", [False, True])
def test_what_lies_behind_webdav_is_read_and_compared(parcel: Parcel, tmp_path: Path, redirects: bool) -> None:
    with WebDavServer(tmp_path / "storage") as storage:
        storage.behaviour.redirects = redirects
        (storage.directory / "a.txt").write_text(CONTENT)
        (storage.directory / "b.txt").write_text("something else")
        webdav.check(parcel, Target("RSE", "https", f"{storage.url}/a.txt", TOKEN))
        with pytest.raises(UploadError, match="adler32"):
            webdav.check(parcel, Target("RSE", "https", f"{storage.url}/b.txt", TOKEN))
        with pytest.raises(UploadError, match="answered 404"):
            webdav.check(parcel, Target("RSE", "https", f"{storage.url}/c.txt", TOKEN))
        with pytest.raises(UploadError, match="answered 401"):
            webdav.check(parcel, Target("RSE", "https", f"{storage.url}/a.txt"))


def test_what_xrdcp_brings_is_compared_and_gone_again(
    parcel: Parcel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = tmp_path / "commands"
    commands.mkdir()
    xrdcp = commands / "xrdcp"
    xrdcp.write_text('#!/bin/sh\nwhile [ $# -gt 2 ]; do shift; done\ncp "/${1#root://*//}" "$2"\n')
    xrdcp.chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    (tmp_path / "a.txt").write_text(CONTENT)
    (tmp_path / "b.txt").write_text("something else")

    xrootd.check(parcel, Target("RSE", "root", f"root://host/{tmp_path}/a.txt"))
    for name, complaint in (("b.txt", "adler32"), ("c.txt", "exited with 1")):
        with pytest.raises(UploadError, match=complaint):
            xrootd.check(parcel, Target("RSE", "root", f"root://host/{tmp_path}/{name}"))
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", "b.txt", "commands", "own.txt"}

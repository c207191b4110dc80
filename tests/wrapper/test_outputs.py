"""What the wrapper takes for an output, and what it makes of the files beside."""

import json
import os
import time
import zlib
from pathlib import Path

import pytest

from tests.support.scripted_allocator import ScriptedAllocator, file_target
from tests.wrapper.conftest import Slot
from wrapper import outputs, workspace
from wrapper.outputs import OutputRefusedError, Pattern
from wrapper.workspace import Workspace


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return workspace.make(tmp_path)


def write(place: Workspace, *names: str) -> None:
    for name in names:
        (place.workspace / name).write_text(name)


def found(place: Workspace, *patterns: str) -> list[tuple[str, int]]:
    numbered = [Pattern(number, pattern) for number, pattern in enumerate(patterns, 1)]
    return [(output.name, output.pattern_id) for output in outputs.find(place, numbered)]


def test_each_file_belongs_to_the_first_pattern_that_matches(place: Workspace) -> None:
    write(place, "a_reco.root", "b.root", "c.txt")

    assert found(place, "*_reco.root", "*.root") == [("a_reco.root", 1), ("b.root", 2)]


def test_only_files_in_the_root_of_the_workspace_are_outputs(place: Workspace) -> None:
    (place.workspace / "sub.root").mkdir()
    (place.workspace / "deep").mkdir()
    (place.workspace / "deep" / "a.root").touch()
    os.mkfifo(place.workspace / "pipe.root")
    write(place, ".hidden.root", "plain.root")

    assert found(place, "*.root", "*") == [("plain.root", 1)]


def test_bookkeeping_and_metadata_are_no_outputs(place: Workspace) -> None:
    write(place, "a.root", "a.root.json", "jobscript.log", "all-input-dids.txt", "justin-processed-pfns.txt", "my.log")

    assert found(place, "*") == [("a.root", 1), ("my.log", 1)]


def test_metadata_may_be_asked_for_by_a_pattern_of_its_own(place: Workspace) -> None:
    write(place, "a.root", "a.root.json")

    assert found(place, "*.root", "*.root.json") == [("a.root", 1), ("a.root.json", 2)]


def test_brackets_and_question_marks_stand_for_themselves_or_nothing(place: Workspace) -> None:
    write(place, "ab.root", "A.ROOT")

    assert found(place, "a.root", "*.Root") == []


@pytest.mark.parametrize(
    "name", ["with space.root", "quo'te.root", 'dou"ble.root', "pi\u03c0.root", "-dash.root", "new\nline.root"]
)
def test_odd_names_are_refused(place: Workspace, name: str) -> None:
    write(place, name)

    with pytest.raises(OutputRefusedError, match="no name"):
        found(place, "*.root")


def test_odd_name_ends_the_job_with_the_inputs_given_back(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.work["output_patterns"] = [{"pattern_id": 1, "pattern": "*.root", "for_next_stage": False}]

    slot.run("#!/bin/sh\ntouch 'with space.root'\n")

    aborted = allocator.one("job_aborted")
    assert aborted.reason == "output_refused"
    assert "with space.root" in aborted.detail


def test_link_out_of_the_home_is_refused(place: Workspace, tmp_path: Path) -> None:
    (tmp_path / "credential").write_text("the pilot's")
    (place.workspace / "a.root").symlink_to(tmp_path / "credential")

    with pytest.raises(OutputRefusedError, match="outside"):
        found(place, "*.root")


def test_link_within_the_home_is_followed(place: Workspace) -> None:
    write(place, "real.dat")
    (place.workspace / "a.root").symlink_to("real.dat")

    (output,) = outputs.find(place, [Pattern(1, "*.root")])

    assert (output.name, output.path) == ("a.root", place.workspace / "real.dat")


def test_checksum_has_eight_digits(place: Workspace) -> None:
    (place.workspace / "a").write_bytes(b"\1")
    (place.workspace / "b").write_bytes(os.urandom(9_000_000))

    assert outputs.adler32(place.workspace / "a") == (1, "00020002")
    content = (place.workspace / "b").read_bytes()
    assert outputs.adler32(place.workspace / "b") == (9_000_000, f"{zlib.adler32(content):08x}")


@pytest.mark.parametrize(
    "content",
    [
        b"{not json",
        b"[]",
        b'{"metadata": []}',
        b'{"metadata": {}, "parents": ["a"]}',
        b'{"metadata": {"a": NaN}}',
        b'{"metadata": {"a": 1e999}}',
        b"\xff\xfe",
        b'{"metadata": {"a.b": 1, "a.b": 2}}',
        b'{"metadata": {"a.b": "\\ud83d"}}',
        b"",
        b'{"metadata": ' + b"[" * 100_000 + b"}",
    ],
)
def test_broken_metadata_is_told(place: Workspace, content: bytes) -> None:
    write(place, "a.root", "b.root")
    (place.workspace / "a.root.json").write_bytes(content)
    (place.workspace / "b.root.json").write_text('{"metadata": {"core.events": [1]}}')

    metadata = outputs.read_metadata(place, outputs.find(place, [Pattern(1, "*.root")]))

    assert len(metadata.errors) == 1
    assert metadata.errors[0].startswith("a.root.json: ")
    assert metadata.found == {"b.root": {"metadata": {"core.events": [1]}, "parents": None}}


def test_metadata_that_links_out_of_the_home_is_not_read(place: Workspace, tmp_path: Path) -> None:
    write(place, "a.root")
    (tmp_path / "other.json").write_text('{"metadata": {"a": 1}}')
    (place.workspace / "a.root.json").symlink_to(tmp_path / "other.json")

    metadata = outputs.read_metadata(place, outputs.find(place, [Pattern(1, "*.root")]))

    assert metadata.found == {}


def test_processed_lists_take_either_form(place: Workspace) -> None:
    (place.workspace / "justin-processed-dids.txt").write_bytes(b"b:2\n\n  a:1  \r\nb:2\n\xff" + b"x" * 2000)
    (place.workspace / "justin-processed-pfns.txt").write_text("root://host//a")

    assert outputs.processed(place) == (["a:1", "b:2"], ["root://host//a"])


def test_broken_metadata_goes_with_the_report(slot: Slot, allocator: ScriptedAllocator, tmp_path: Path) -> None:
    allocator.work["output_patterns"] = [{"pattern_id": 1, "pattern": "*.root", "for_next_stage": False}]
    allocator.targets = [file_target(tmp_path / "rse")]

    slot.run("#!/bin/sh\ntouch a.root; echo '{' > a.root.json\n")

    assert allocator.one("record_results").metadata_errors[0].startswith("a.root.json: ")


def test_ten_thousand_outputs(slot: Slot, allocator: ScriptedAllocator, tmp_path: Path) -> None:
    allocator.work["output_patterns"] = [{"pattern_id": 1, "pattern": "*.root", "for_next_stage": False}]
    allocator.targets = [file_target(tmp_path / "rse")]
    start = time.monotonic()

    finished = slot.run(
        "#!/usr/bin/env python3\nfor n in range(10000):\n    open(f'{n}.root', 'w').write(str(n))\n", timeout=200
    )

    assert finished.code == 0, finished.log[-2000:]
    assert len(allocator.one("confirm_results").outputs) == len(list((tmp_path / "rse").iterdir())) == 10_000
    print(f"10,000 outputs in {time.monotonic() - start:.1f} s")


def test_too_many_outputs_are_refused(place: Workspace) -> None:
    for number in range(outputs.MAX_OUTPUTS + 1):
        (place.workspace / f"{number}.root").touch()

    with pytest.raises(OutputRefusedError, match="10001"):
        outputs.find(place, [Pattern(1, "*.root")])


def test_report_survives_json(place: Workspace) -> None:
    write(place, "a.root")
    (place.workspace / "a.root.json").write_text('{"metadata": {"a": 1.5, "b": "\\u00e9", "c": 12345678901234567890}}')

    metadata = outputs.read_metadata(place, outputs.find(place, [Pattern(1, "*.root")]))

    assert json.loads(json.dumps(metadata.found)) == metadata.found

"""Every job stores its logs.tgz where the allocator says, and never fails for its sake."""

import tarfile
import time
from pathlib import Path

import pytest

from tests.support.scripted_allocator import (
    JOBSUB_ID,
    LOGS_NAME,
    SECRET,
    Answer,
    ScriptedAllocator,
    file_target,
    problem,
)
from tests.wrapper.conftest import Finished, Slot
from wrapper import joblogs, outputs

UNREACHABLE = "file:///dev/null/nothing-can-be-put-below-a-device"
KIBIBYTE = 1024

MAKES_ONE = "#!/bin/sh\necho done\necho hello > a.root\n"
PATTERNS = [{"pattern_id": 1, "pattern": "*.root", "for_next_stage": False}]


@pytest.fixture
def stored(allocator: ScriptedAllocator, tmp_path: Path) -> Path:
    """Where the logs will lie."""
    allocator.log_targets = [file_target(tmp_path / "rse", "CERN")]
    return tmp_path / "rse" / LOGS_NAME


def contents(path: Path) -> dict[str, bytes]:
    """The logs in an archive by their names, all of them in the folder that is named like the job."""
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        assert {member.name.rpartition("/")[0] for member in members} == {JOBSUB_ID}
        found = {member.name.rpartition("/")[2]: archive.extractfile(member) for member in members}
        return {name: file.read() for name, file in found.items() if file}


def check_confirmed(allocator: ScriptedAllocator, path: Path) -> None:
    told = allocator.one("confirm_logs").logs
    assert (told.name, told.rse, told.url) == (LOGS_NAME, "CERN", path.as_uri())
    assert (told.size_bytes, told.adler32) == outputs.adler32(path)


def test_logs_hold_all_that_tells_how_the_job_went(
    slot: Slot, allocator: ScriptedAllocator, stored: Path, tmp_path: Path
) -> None:
    (tmp_path / "job.ad").write_text('RequestCpus = 1\nOwner = "justin"\n')
    (tmp_path / "machine.ad").write_text('Cpus = 8\nClaimId = "<127.0.0.1>#secret"\n_condor_priv_x = "secret"\n')
    slot.environ = {"_CONDOR_JOB_AD": str(tmp_path / "job.ad"), "_CONDOR_MACHINE_AD": str(tmp_path / "machine.ad")}

    finished = slot.run(
        "#!/bin/sh\necho from the jobscript\necho art > art.log\necho no > .hidden.log; echo no > x.txt\n"
    )

    assert finished.code == 0, finished.log
    check_confirmed(allocator, stored)
    logs = contents(stored)
    assert set(logs) == {
        "jobscript.log",
        "art.log",
        "justin-job-ad.log",
        "justin-machine-ad.log",
        "justin-heartbeats.log",
        "justin-wrapper.log",
    }
    assert (logs["jobscript.log"], logs["art.log"]) == (b"from the jobscript\n", b"art\n")
    assert b'Owner = "justin"' in logs["justin-job-ad.log"]
    assert logs["justin-machine-ad.log"] == b"Cpus = 8\n"
    assert logs["justin-heartbeats.log"].endswith(b"Z go on\n")
    assert b"the jobscript ended with 0" in logs["justin-wrapper.log"]
    assert SECRET.encode() not in b"".join(logs.values())


@pytest.mark.parametrize(("script", "wall_seconds"), [("echo sad; exit 7", 60), ("echo sad; exec sleep 60", 1)])
def test_logs_of_a_jobscript_that_failed_are_stored_too(
    slot: Slot, allocator: ScriptedAllocator, stored: Path, script: str, wall_seconds: int
) -> None:
    allocator.work["requested_wall_seconds"] = wall_seconds

    finished = slot.run(f"#!/bin/sh\n{script}\n")

    assert finished.code == 0, finished.log
    assert allocator.methods() == ["get_jobscript", "record_results", "confirm_logs"]
    check_confirmed(allocator, stored)
    assert contents(stored)["jobscript.log"] == b"sad\n"


def test_outputs_and_logs_are_stored_side_by_side(
    slot: Slot, allocator: ScriptedAllocator, stored: Path, tmp_path: Path
) -> None:
    allocator.work["output_patterns"] = PATTERNS
    allocator.targets = [file_target(tmp_path / "outputs")]

    finished = slot.run(MAKES_ONE)

    assert finished.code == 0, finished.log
    assert sorted(allocator.methods()[2:]) == ["confirm_logs", "confirm_results"]
    assert (tmp_path / "outputs" / "a.root").read_text() == "hello\n"
    check_confirmed(allocator, stored)


def test_older_allocator_is_told_nothing_of_logs(slot: Slot, allocator: ScriptedAllocator) -> None:
    slot.run("#!/bin/sh\nexit 1\n")

    assert allocator.methods() == ["get_jobscript", "record_results"]


def with_outputs(slot: Slot, allocator: ScriptedAllocator, directory: Path) -> Finished:
    allocator.work["output_patterns"] = PATTERNS
    allocator.targets = [file_target(directory)]
    return slot.run(MAKES_ONE)


def test_logs_that_no_storage_takes_do_not_harm_the_outputs(
    slot: Slot, allocator: ScriptedAllocator, tmp_path: Path
) -> None:
    allocator.log_targets = [{"rse": "CERN", "protocol": "file", "url": UNREACHABLE}]

    finished = with_outputs(slot, allocator, tmp_path / "outputs")

    assert finished.code == 0
    assert "the logs are not stored" in finished.log
    assert allocator.methods()[2:] == ["confirm_results"]
    assert len(allocator.one("confirm_results").outputs) == 1


def test_logs_that_the_allocator_refuses_do_not_harm_the_outputs_and_do_not_stay(
    slot: Slot, allocator: ScriptedAllocator, stored: Path, tmp_path: Path
) -> None:
    allocator.script["confirm_logs"].append(problem(409, "wrong_state"))

    finished = with_outputs(slot, allocator, tmp_path / "outputs")

    assert finished.code == 0
    assert "the logs are not stored: confirm_logs was refused" in finished.log
    assert len(allocator.one("confirm_results").outputs) == 1
    assert not stored.exists()


def test_nonsense_about_logs_does_not_harm_the_job(slot: Slot, allocator: ScriptedAllocator, tmp_path: Path) -> None:
    reply = {"state": "jobscript_error", "uploads": [], "problems": [], "logs": {"name": "x"}}
    allocator.script["record_results"].append(Answer(body=reply))

    finished = slot.run("#!/bin/sh\nexit 1\n")

    assert finished.code == 0
    assert "the job is jobscript_error" in finished.log


def test_slow_storage_of_logs_does_not_hold_up_the_outputs(
    slot: Slot, allocator: ScriptedAllocator, stored: Path, tmp_path: Path
) -> None:
    allocator.script["confirm_logs"].append(Answer(body={"state": "outputting"}, delay_seconds=2))

    finished = with_outputs(slot, allocator, tmp_path / "outputs")

    assert finished.code == 0, finished.log
    confirmed = {call.method: call.arrived for call in allocator.calls if call.method.startswith("confirm")}
    assert set(confirmed) == {"confirm_logs", "confirm_results"}
    assert confirmed["confirm_results"] - confirmed["confirm_logs"] < 2
    assert stored.exists()
    # What is given back to the pool last is the slot: the logs were waited for.
    assert time.monotonic() - confirmed["confirm_logs"] >= 2


def test_logs_are_stored_when_the_outputs_cannot_be(slot: Slot, allocator: ScriptedAllocator, stored: Path) -> None:
    allocator.work["output_patterns"] = PATTERNS
    allocator.targets = [{"rse": "FNAL", "protocol": "file", "url": UNREACHABLE}]

    finished = slot.run(MAKES_ONE)

    assert finished.code == 0
    assert allocator.one("job_aborted").reason == "upload_failed"
    check_confirmed(allocator, stored)


def test_log_that_is_too_large_is_cut_and_says_so(slot: Slot, allocator: ScriptedAllocator, stored: Path) -> None:
    size = joblogs.FIRST_BYTES + joblogs.LAST_BYTES + 3
    slot.run(f"#!/bin/sh\n(echo begin; head -c {size - 10} /dev/zero; echo end) > large.log\n", timeout=120)

    large = contents(stored)["large.log"]
    mark = f"\n[justIN: 3 of {size} bytes are left out here]\n".encode()
    assert allocator.violations == []
    assert len(large) == size - 3 + len(mark)
    assert large[joblogs.FIRST_BYTES :][: len(mark)] == mark
    assert large.startswith(b"begin\n")
    assert large.endswith(b"end\n")


def test_too_many_logs_are_left_out_and_that_is_said(slot: Slot, allocator: ScriptedAllocator, stored: Path) -> None:
    slot.run(f"#!/bin/sh\nfor n in $(seq 1000 {1000 + joblogs.MOST_LOGS + 1}); do echo $n > $n.log; done\n")

    logs = contents(stored)
    assert allocator.violations == []
    assert len(logs) == joblogs.MOST_LOGS + 3
    assert b"the logs are without 1500.log and what comes after it" in logs["justin-wrapper.log"]


def test_jobscript_cannot_have_the_nodes_files_packed_nor_hide_its_log(
    slot: Slot, allocator: ScriptedAllocator, stored: Path, tmp_path: Path
) -> None:
    (tmp_path / "private").write_text("secret of the node")
    slot.run(
        f"#!/bin/sh\necho before; rm jobscript.log; ln -s {tmp_path}/private jobscript.log\n"
        f"ln -s {tmp_path}/private a.log; ln -s /nowhere b.log; mkdir c.log; mkfifo d.log; ln -s e.log e.log\n"
        "echo mine > justin-wrapper.log; : > ../../scratch/1234.5-schedd.example.org.logs.tgz; exit 1\n"
    )

    check_confirmed(allocator, stored)
    logs = contents(stored)
    assert logs["jobscript.log"] == b"before\n"
    assert b"mine" not in logs["justin-wrapper.log"]
    assert b"jobscript's justin-wrapper.log" in logs["justin-wrapper.log"]
    assert b"secret of the node" not in b"".join(logs.values())
    assert {"a.log", "b.log", "c.log", "d.log", "e.log"} <= set(logs)

"""What ends a jobscript before it is done, and that nothing of it is left."""

import os
import signal
import time
from functools import partial
from pathlib import Path

from tests.support.scripted_allocator import Answer, ScriptedAllocator, file_target, problem
from tests.support.waiting import wait_until
from tests.wrapper.conftest import Slot, alive, finish

SLEEPS = "#!/bin/sh\necho started\nsleep {seconds}\n"
PATTERN = {"pattern_id": 1, "pattern": "*.root", "for_next_stage": False}


def test_wall_time_overrun_keeps_the_log(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.work.update(requested_wall_seconds=1, output_patterns=[PATTERN])

    finished = slot.run("#!/bin/sh\ntouch a.root\necho working\nsleep 600\n")

    assert finished.code == 0
    recorded = allocator.one("record_results")
    assert recorded.timed_out
    assert recorded.outputs == []
    # The shell may see its child end before it is ended itself.
    assert recorded.jobscript_log in {"working\n", "working\nTerminated\n"}
    assert 1 <= recorded.real_seconds < 5
    assert allocator.methods() == ["get_jobscript", "record_results"]


def test_jobscript_that_ignores_term_is_killed_after_the_grace(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.work["requested_wall_seconds"] = 1
    slot.settings["grace_seconds"] = 0.5

    slot.run("#!/bin/sh\ntrap 'echo no' TERM\nwhile :; do sleep 0.1; done\n")

    recorded = allocator.one("record_results")
    assert recorded.timed_out
    assert recorded.jobscript_exit == -9
    assert "no\n" in recorded.jobscript_log


def test_jobscript_that_uses_its_grace_is_timed_out_all_the_same(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.work.update(requested_wall_seconds=1, output_patterns=[PATTERN])

    slot.run("#!/bin/sh\ntrap 'touch a.root; echo saved; exit 0' TERM\nwhile :; do sleep 0.1; done\n")

    recorded = allocator.one("record_results")
    assert (recorded.timed_out, recorded.jobscript_exit, recorded.outputs) == (True, 0, [])
    assert recorded.jobscript_log.endswith("saved\n")


def test_slot_that_ends_earlier_is_the_limit(slot: Slot, allocator: ScriptedAllocator, tmp_path: Path) -> None:
    (tmp_path / "machine.ad").write_text(f"GLIDEIN_ToDie = {int(time.time()) + 3}\n")
    slot.environ["_CONDOR_MACHINE_AD"] = str(tmp_path / "machine.ad")

    slot.run(SLEEPS.format(seconds=600))

    assert allocator.one("record_results").timed_out


def test_children_that_left_the_group_are_killed(slot: Slot, allocator: ScriptedAllocator, tmp_path: Path) -> None:
    seconds = 700_000 + os.getpid()
    escape = f"""#!/bin/sh
setsid setsid sleep {seconds} &
(setsid sh -c 'trap "" TERM HUP; touch escaped; while :; do sleep {seconds}; done' &)
until [ -e escaped ]; do :; done
exit 0
"""
    finished = slot.run(escape)

    assert allocator.one("record_results").jobscript_exit == 0
    assert alive(f"sleep\0{seconds}") == []
    assert "that the jobscript had left" in finished.log


def test_heartbeats_carry_the_log_and_can_stop_the_job(
    slot: Slot, allocator: ScriptedAllocator, tmp_path: Path
) -> None:
    slot.settings["heartbeat_seconds"] = 0.2
    process = slot.start_with(SLEEPS.format(seconds=601.5))
    wait_until((slot.workspace / "jobscript.log").exists)
    wait_until(lambda: "started\n" in {beat.jobscript_log for beat in allocator.messages("send_heartbeat")})
    allocator.stop_reason = "the workflow was cancelled"

    finished = finish(process)

    assert finished.code == 0
    aborted = allocator.one("job_aborted")
    assert aborted.reason == "stopped"
    assert aborted.jobscript_log in {"started\n", "started\nTerminated\n"}
    assert "the workflow was cancelled" in aborted.detail
    assert allocator.methods() == ["get_jobscript", "job_aborted"]
    assert alive("sleep\x00601.5") == []


def test_heartbeat_that_cannot_connect_is_not_fatal(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.script["send_heartbeat"].extend([Answer(status=0), Answer(status=0)])

    finished = slot.run(SLEEPS.format(seconds=3))

    assert "the heartbeat failed" in finished.log
    assert allocator.one("record_results").jobscript_exit == 0


def test_ended_job_stops_without_a_word(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.script["send_heartbeat"].append(problem(403, "job_ended"))

    finished = slot.run(SLEEPS.format(seconds=602.5))

    assert finished.code == 0
    assert allocator.methods() == ["get_jobscript"]
    assert alive("sleep\x00602.5") == []


def test_ended_job_uploads_nothing(slot: Slot, allocator: ScriptedAllocator, tmp_path: Path) -> None:
    allocator.work["output_patterns"] = [PATTERN]
    allocator.targets = [file_target(tmp_path / "rse")]
    allocator.script["record_results"].append(problem(403, "job_ended"))

    finished = slot.run("#!/bin/sh\ntouch a.root\n")

    assert finished.code == 0
    assert not (tmp_path / "rse").exists()
    assert allocator.methods() == ["get_jobscript", "record_results"]


def test_slot_that_is_taken_away_gives_the_job_back(slot: Slot, allocator: ScriptedAllocator) -> None:
    process = slot.start_with(SLEEPS.format(seconds=603.5).replace("echo started", "touch started"))
    wait_until((slot.workspace / "started").exists)

    process.send_signal(signal.SIGTERM)
    finished = finish(process)

    assert finished.code == 0
    assert allocator.one("job_aborted").reason == "stopped"
    assert alive("sleep\x00603.5") == []


def test_slot_that_is_taken_away_while_the_job_is_given_up(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.script["job_aborted"].extend([problem(503, "busy")] * 20)
    process = slot.start_with("#!/no/such/interpreter\n")
    assert process.stdout is not None
    next(line for line in process.stdout if "trying again" in line)

    process.send_signal(signal.SIGTERM)
    finished = finish(process)

    assert finished.code == 1
    assert "Traceback" not in finished.log


def test_killed_wrapper_leaves_nothing_running_and_is_reported(slot: Slot, allocator: ScriptedAllocator) -> None:
    """Either half of the wrapper may be killed by whoever kills."""
    for number, (half, reason) in enumerate((("first", "stopped"), ("second", "wrapper_error"))):
        slot.directory = slot.directory.parent / half
        process = slot.start_with(SLEEPS.format(seconds=604.5 + number).replace("echo started", "touch started"))
        wait_until((slot.workspace / "started").exists)
        victim = process.pid if half == "first" else _worker_of(process.pid)

        os.kill(victim, signal.SIGKILL)
        finish(process)

        wait_until(partial(are_told, allocator, number + 1))
        assert allocator.messages("job_aborted")[number].reason == reason
        assert alive(f"sleep\x00{604.5 + number}") == []


def are_told(allocator: ScriptedAllocator, ends: int) -> bool:
    return len(allocator.messages("job_aborted")) == ends


def _worker_of(guardian: int) -> int:
    children = Path(f"/proc/{guardian}/task/{guardian}/children").read_text().split()
    assert len(children) == 1
    return int(children[0])

"""A job from its start to its end, in the zipapp, with an allocator that checks every word."""

import subprocess
import threading
from pathlib import Path

from tests.support.scripted_allocator import SECRET, Answer, ScriptedAllocator, file_target, problem
from tests.support.waiting import wait_until
from tests.wrapper.conftest import Slot

USES_FILES = """#!/bin/bash
did_pfn_rse=`$JUSTIN_PATH/justin-get-file`
did=`echo $did_pfn_rse | cut -f1 -d' '`
pfn=`echo $did_pfn_rse | cut -f2 -d' '`
echo "Input PFN = $pfn"
echo "$pfn" > justin-processed-pfns.txt
echo hello > out_reco.root
echo '{"metadata": {"core.data_tier": "full-reconstructed"}, "parents": [{"did": "'$did'"}]}' > out_reco.root.json
exit 0
"""


def test_outputs_reach_their_storage_and_are_confirmed(
    slot: Slot, allocator: ScriptedAllocator, tmp_path: Path
) -> None:
    allocator.files.append("usertests:a.root root://host//a.root MANCHESTER")
    allocator.work["output_patterns"] = [{"pattern_id": 1, "pattern": "*_reco.root", "for_next_stage": False}]
    allocator.targets = [file_target(tmp_path / "rse")]

    finished = slot.run(USES_FILES)

    assert finished.code == 0, finished.log
    assert allocator.methods() == ["get_jobscript", "get_file", "record_results", "confirm_results"]
    recorded = allocator.one("record_results")
    assert recorded.processed_pfns == ["root://host//a.root"]
    assert recorded.outputs[0].metadata == {"core.data_tier": "full-reconstructed"}
    assert recorded.outputs[0].parents == [{"did": "usertests:a.root"}]
    assert "Input PFN = root://host//a.root" in recorded.jobscript_log
    confirmed = allocator.one("confirm_results").outputs[0]
    assert (confirmed.name, confirmed.rse, confirmed.size_bytes) == ("out_reco.root", "MANCHESTER", 6)
    assert (tmp_path / "rse" / "out_reco.root").read_text() == "hello\n"
    assert [path.name for path in (tmp_path / "rse").iterdir()] == ["out_reco.root"]
    assert (slot.workspace / "all-input-dids.txt").read_text() == "usertests:a.root\n"


def test_no_work_ends_quietly(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.script["get_jobscript"].append(problem(404, "no_work"))

    finished = slot.run()

    assert finished.code == 0
    assert allocator.methods() == ["get_jobscript"]


def test_failed_jobscript_has_no_outputs(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.work["output_patterns"] = [{"pattern_id": 1, "pattern": "*.root", "for_next_stage": False}]

    finished = slot.run("#!/bin/sh\ntouch a.root\necho failing >&2\nexit 7\n")

    assert finished.code == 0
    recorded = allocator.one("record_results")
    assert (recorded.jobscript_exit, recorded.outputs, recorded.jobscript_log) == (7, [], "failing\n")
    assert allocator.methods() == ["get_jobscript", "record_results"]


def test_jobscript_ended_by_a_signal_is_told_as_its_negative(slot: Slot, allocator: ScriptedAllocator) -> None:
    slot.run("#!/bin/sh\nkill -11 $$\n")

    assert allocator.one("record_results").jobscript_exit == -11


def test_slot_is_described(slot: Slot, allocator: ScriptedAllocator, tmp_path: Path) -> None:
    (tmp_path / "job.ad").write_text('RequestCpus = 4\nRequestMemory = 8000\nOwner = "justin"\n')
    (tmp_path / "machine.ad").write_text("Cpus = 8\nGLIDEIN_Max_Walltime = 86399\nGLIDEIN_ToDie = time() + 1\n")
    slot.environ = {
        "_CONDOR_JOB_AD": str(tmp_path / "job.ad"),
        "_CONDOR_MACHINE_AD": str(tmp_path / "machine.ad"),
        "SLURM_JOB_ID": "77",
    }

    slot.run()

    told = allocator.one("get_jobscript")
    assert (told.site_name, told.entry_name, told.site_job_id) == ("UK_Manchester", "entry-1", "77")
    assert (told.processors, told.rss_bytes) == (4, 8000 * 1024 * 1024)
    assert 86390 < told.wall_seconds < 86400
    assert told.hostname
    assert told.os_release
    assert told.gpus == []


def test_secret_is_gone_before_the_jobscript_runs(slot: Slot, allocator: ScriptedAllocator) -> None:
    halves = f"one={SECRET[:32]}; two={SECRET[32:]}"  # or it would find itself
    slot.run(f"""#!/bin/sh
{halves}
cd ../..
ls
grep -r $one$two . && echo FOUND
env | grep $one$two && echo FOUND
exit 0
""")

    log = allocator.one("record_results").jobscript_log
    assert "job.json" in log
    assert "FOUND" not in log
    assert "job.secret" not in log


def test_log_holds_no_secret_and_sums_up_the_times(slot: Slot, allocator: ScriptedAllocator) -> None:
    finished = slot.run()

    assert SECRET not in finished.log
    assert allocator.work["jobscript_secret"] not in finished.log
    assert "timing: jobscript" in finished.log
    assert all(line.startswith("20") and "Z " in line for line in finished.log.splitlines())


def test_jobscript_without_an_interpreter_line_is_for_the_shell(slot: Slot, allocator: ScriptedAllocator) -> None:
    slot.run("echo plain\n")

    assert allocator.one("record_results").jobscript_log == "plain\n"


def test_missing_interpreter_is_reported_as_such(slot: Slot, allocator: ScriptedAllocator) -> None:
    finished = slot.run("#!/no/such/interpreter\r\necho\n")

    assert finished.code == 0
    assert allocator.one("job_aborted").reason == "jobscript_not_runnable"


def test_only_the_end_of_a_long_log_is_told(slot: Slot, allocator: ScriptedAllocator) -> None:
    slot.run(
        "#!/usr/bin/env python3\nimport sys\nsys.stdout.buffer.write(b'\\xc3\\xa9' * 30000 + b'\\x00\\xff\\nend\\n')\n"
    )

    log = allocator.one("record_results").jobscript_log
    assert len(log) == 10_000
    assert log.endswith("é\ufffd\nend\n")


def test_jobscript_cannot_hide_its_log(slot: Slot, allocator: ScriptedAllocator) -> None:
    slot.run("#!/bin/sh\necho before; rm jobscript.log; ln -s /etc/passwd jobscript.log; echo after\nexit 1\n")

    assert allocator.one("record_results").jobscript_log == "before\nafter\n"


def test_code_area_appears_in_the_workspace(slot: Slot, allocator: ScriptedAllocator, tmp_path: Path) -> None:
    published = tmp_path / "cvmfs" / "hash"
    published.mkdir(parents=True)
    (published / "setup.sh").write_text("echo from the repository\n")
    allocator.work["code_areas"] = [{"organisation": "DUNE", "repository": "ana", "path": str(published)}]

    slot.run("#!/bin/sh\n. $HOME/workspace/DUNE/ana/setup.sh\n")

    assert allocator.one("record_results").jobscript_log == "from the repository\n"


def test_code_area_that_appears_late_is_waited_for_with_heartbeats(
    slot: Slot, allocator: ScriptedAllocator, tmp_path: Path
) -> None:
    published = tmp_path / "cvmfs" / "hash"
    allocator.work["code_areas"] = [{"organisation": "DUNE", "repository": "ana", "path": str(published)}]
    slot.settings["heartbeat_seconds"] = 0.1

    def publish() -> None:
        wait_until(lambda: len(allocator.messages("send_heartbeat")) >= 3)
        published.mkdir(parents=True)

    publisher = threading.Thread(target=publish)
    publisher.start()
    slot.run("#!/bin/sh\nls -d $HOME/workspace/DUNE/ana/. && echo there\n")
    publisher.join()

    assert allocator.one("record_results").jobscript_log.endswith("there\n")


def test_code_area_that_never_appears_ends_the_job(slot: Slot, allocator: ScriptedAllocator, tmp_path: Path) -> None:
    allocator.work["code_areas"] = [{"organisation": "DUNE", "repository": "ana", "path": str(tmp_path / "none")}]
    slot.settings["code_wait_seconds"] = 0.2

    finished = slot.run()

    assert finished.code == 0
    assert allocator.one("job_aborted").reason == "code_not_visible"
    assert "record_results" not in allocator.methods()


def test_problems_that_the_server_found_end_the_job(slot: Slot, allocator: ScriptedAllocator, tmp_path: Path) -> None:
    allocator.work["output_patterns"] = [{"pattern_id": 1, "pattern": "*.root", "for_next_stage": False}]
    refused = {"state": "outputting_failed", "uploads": [], "problems": ["a.root exists already"]}
    allocator.script["record_results"].append(Answer(body=refused))

    finished = slot.run("#!/bin/sh\ntouch a.root\n")

    assert finished.code == 0
    assert "a.root exists already" in finished.log
    assert allocator.methods() == ["get_jobscript", "record_results"]


def test_order_without_a_secret_is_refused(slot: Slot, allocator: ScriptedAllocator) -> None:
    slot.run()

    again = subprocess.run([slot.python, slot.pyz, "job.json"], cwd=slot.directory, capture_output=True, check=False)

    assert again.returncode == 2
    assert b"job.secret" in again.stdout
    assert len(allocator.messages("get_jobscript")) == 1


def test_node_that_lacks_what_every_job_needs_gets_no_work(slot: Slot, allocator: ScriptedAllocator) -> None:
    slot.settings["required_paths"] = ["/", "/cvmfs/not-mounted.example.org"]

    finished = slot.run()

    assert finished.code == 0
    assert allocator.methods() == ["job_aborted"]
    aborted = allocator.one("job_aborted")
    assert (aborted.reason, aborted.detail) == ("setup_failed", "the node lacks /cvmfs/not-mounted.example.org")

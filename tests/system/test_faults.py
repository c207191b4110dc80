"""Whatever is killed, and whenever: after a restart each input is processed exactly once and no book disagrees."""

from functools import partial
from pathlib import Path
from typing import LiteralString

import pytest

from justin.schemas.specs import OutputSpec, StageSpec, WorkflowSpec
from scripts.servers import ALLOCATOR
from tests.support import books
from tests.support.registrar import SCOPE, Input, register
from tests.support.system import AGENTS, System
from tests.support.waiting import comes_true, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

RSES = ("MANCHESTER", "CERN", "FNAL")
FILES = 24

JOBSCRIPT = r"""#!/bin/bash
did_pfn_rse=$("$JUSTIN_PATH/justin-get-file")
[ -z "$did_pfn_rse" ] && exit 0
did=$(echo "$did_pfn_rse" | cut -f1 -d' ')
pfn=$(echo "$did_pfn_rse" | cut -f2 -d' ')
name=$(basename "$pfn" .txt)
cp "${pfn#file://localhost}" "$name-w$JUSTIN_WORKFLOW_ID.out" || exit 1
# Large enough that an upload takes a moment in which a job can be struck.
head -c 32000000 /dev/zero >>"$name-w$JUSTIN_WORKFLOW_ID.out" || exit 1
echo "$did" > justin-processed-dids.txt
exit 0
"""

# The middle of each step, as the database shows it.
STEPS: dict[str, LiteralString] = {
    "finding": "SELECT 1 FROM files WHERE workflow_id = %s AND state = 'finding' LIMIT 1",
    "claiming": "SELECT 1 FROM files WHERE workflow_id = %s AND state = 'allocated' LIMIT 1",
    "uploading": "SELECT 1 FROM files WHERE workflow_id = %s AND state = 'recorded' LIMIT 1",
    "confirming": "SELECT 1 FROM files WHERE workflow_id = %s AND state = 'uploaded' LIMIT 1",
    "registering": "SELECT 1 FROM outbox WHERE workflow_id = %s AND state = 'waiting' AND leased_until > now() LIMIT 1",
}


JOBS: LiteralString = "SELECT job_id, jobsub_id FROM jobs WHERE workflow_id = %s AND state = %s ORDER BY job_id DESC"
NAMES: LiteralString = "SELECT did FROM files WHERE creator_job_id = %s AND state = 'recorded'"

SERVERS = {"the agents": AGENTS, "the allocator": ALLOCATOR, "PostgreSQL": "postgres"}


def workflow_over(mql: str) -> WorkflowSpec:
    stage = StageSpec(
        jobscript=JOBSCRIPT,
        outputs=[OutputSpec(pattern="*.out", lifetime_days=1)],
        wall_seconds=300,
        rss_mib=500,
        max_distance=100,
        max_files_per_job=1,
        max_allocations=20,
    )
    return WorkflowSpec(mql=mql, stages=[stage])


@pytest.mark.parametrize("victim", SERVERS)
def test_a_server_killed_in_each_step_loses_nothing(system: System, tmp_path: Path, victim: str) -> None:
    mql, names = registered(system, tmp_path, f"faults-{victim.replace(' ', '-')}")

    workflow_id = system.submit(workflow_over(mql))
    for question in STEPS.values():
        wait_until(partial(system.rows.ask, question, workflow_id))
        system.kill(SERVERS[victim])
        system.start()
    system.finish(workflow_id)

    check_all(system, workflow_id, names)


def test_jobs_killed_in_each_step_lose_nothing(system: System, tmp_path: Path) -> None:
    mql, names = registered(system, tmp_path, "faults-jobs")

    workflow_id = system.submit(workflow_over(mql))
    wait_until(lambda: strike_while_processing(system, workflow_id))
    wait_until(lambda: strike_while_uploading(system, workflow_id))
    wait_until(lambda: strike_while_confirming(system, workflow_id))
    system.finish(workflow_id)

    check_all(system, workflow_id, names)
    stalled = system.rows.ask("SELECT 1 FROM jobs WHERE workflow_id = %s AND state = 'stalled'", workflow_id)
    assert len(stalled) >= 2  # the third may have sent its confirmation before


def strike_while_processing(system: System, workflow_id: int) -> bool:
    """Kill a job that has a file; false when there is none just now."""
    with system.held(ALLOCATOR):  # without its answers a job stays in its step
        for job in system.rows.ask(JOBS, workflow_id, "processing"):
            system.kill_job(job["jobsub_id"])
            return True
    return False


def strike_while_uploading(system: System, workflow_id: int) -> bool:
    """Kill a job that has told what came out; false when none could be killed before its last byte was uploaded."""
    with system.held(ALLOCATOR):
        for job in system.rows.ask(JOBS, workflow_id, "outputting"):
            if not uploaded(system, job["job_id"]):
                system.kill_job(job["jobsub_id"])
                return not uploaded(system, job["job_id"])
    return False


def strike_while_confirming(system: System, workflow_id: int) -> bool:
    """Kill a job that has uploaded all and has no answer to its confirmation; false when there is none just now."""
    with system.held(ALLOCATOR):
        for job in system.rows.ask(JOBS, workflow_id, "outputting"):
            # If it had not been told yet where to upload to, there is nothing to wait for.
            if comes_true(partial(uploaded, system, job["job_id"]), seconds=1):
                system.kill_job(job["jobsub_id"])
                return True
    return False


def uploaded(system: System, job_id: int) -> bool:
    names = [str(row["did"]).split(":")[1] for row in system.rows.ask(NAMES, job_id)]
    return bool(names) and all(any((system.grid.directory / "storage").rglob(name)) for name in names)


def check_all(system: System, workflow_id: int, names: list[str]) -> None:
    """Every input was processed once, and what came out is in every book."""
    books.check_each_processed_once(system.rows, workflow_id)
    books.check_no_event_is_missing(system.rows, workflow_id)
    written = books.read(system.grid, system.rows, workflow_id, system.instance)
    written.check_files()
    written.check_datasets({"": 86_400})
    assert len(system.rows.inputs(workflow_id)) == FILES
    assert sorted(written.outputs) == sorted(f"{name}-w{workflow_id}.out" for name in names)


def registered(system: System, folder: Path, dataset: str) -> tuple[str, list[str]]:
    """Register small files and return the MQL that finds them, and their names."""
    files = []
    for number in range(FILES):
        path = folder / f"{dataset}-{number}.txt"
        path.write_text(f"text {number} of {dataset}\n" * 100)
        files.append(Input(str(path), RSES[number % len(RSES)], {"core.number": number}))
    register(system.grid, dataset, files)
    return f"files from {SCOPE}:{dataset}", [Path(file.path).stem for file in files]

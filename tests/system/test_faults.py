"""Whatever is killed, and whenever: after a restart each input is processed exactly once and no book disagrees."""

from collections.abc import Callable
from pathlib import Path
from typing import LiteralString

import pytest

from justin.schemas.specs import OutputSpec, StageSpec, WorkflowSpec
from scripts.servers import ALLOCATOR
from tests.support import books
from tests.support.registrar import SCOPE, Input, register
from tests.support.system import AGENTS, System, wait_until

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


def kill_agents(system: System) -> bool:
    system.kill(AGENTS)
    return True


def kill_allocator(system: System) -> bool:
    system.kill(ALLOCATOR)
    return True


def kill_postgres(system: System) -> bool:
    system.kill("postgres")
    return True


def kill_a_job(system: System) -> bool:
    return system.kill_a_job()


KILLS: dict[str, Callable[[System], bool]] = {
    "the agents": kill_agents,
    "the allocator": kill_allocator,
    "a job": kill_a_job,
    "PostgreSQL": kill_postgres,
}


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


@pytest.mark.parametrize("victim", KILLS)
def test_nothing_is_lost_and_nothing_is_done_twice(system: System, tmp_path: Path, victim: str) -> None:
    dataset = f"faults-{victim.replace(' ', '-')}"
    mql = registered(system, tmp_path, dataset)

    workflow_id = system.submit(workflow_over(mql))
    reached = []
    for step, question in STEPS.items():
        if victim == "a job" and step in {"finding", "registering"}:
            continue  # no job takes part in these
        strike(system, workflow_id, question, KILLS[victim])
        reached.append(step)
        system.start()
    system.finish(workflow_id)

    assert len(reached) >= len(STEPS) - 2
    books.check_each_processed_once(system.rows, workflow_id)
    books.check_no_event_is_missing(system.rows, workflow_id)
    written = books.read(system.grid, system.rows, workflow_id, system.instance)
    written.check_files()
    written.check_datasets({"": 86_400})
    assert len(system.rows.inputs(workflow_id)) == FILES
    assert sorted(written.outputs) == sorted(f"{dataset}-{number}-w{workflow_id}.out" for number in range(FILES))


def strike(system: System, workflow_id: int, question: LiteralString, kill: Callable[[System], bool]) -> None:
    """Wait until the workflow is in a step, and kill at that moment."""
    wait_until(lambda: bool(system.rows.ask(question, workflow_id)) and kill(system))


def registered(system: System, folder: Path, dataset: str) -> str:
    files = []
    for number in range(FILES):
        path = folder / f"{dataset}-{number}.txt"
        path.write_text(f"text {number} of {dataset}\n" * 100)
        files.append(Input(str(path), RSES[number % len(RSES)], {"core.number": number}))
    register(system.grid, dataset, files)
    return f"files from {SCOPE}:{dataset}"

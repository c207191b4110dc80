"""Two hundred jobs on a real HTCondor pool of three sites: near files first, all logs kept, nothing left behind."""

import json
import time
from pathlib import Path

import pytest

from justin.schemas.specs import OutputSpec, StageSpec, WorkflowSpec
from justin.states import EventType, JobState
from tests.support import books
from tests.support.pool_system import PoolSystem
from tests.support.registrar import SCOPE, Input, register
from tests.support.rows import Row
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

FILES_AT = {"MANCHESTER": 100, "CERN": 60, "FNAL": 40}
"""Not the same number everywhere, so that some sites run out of files of their own before others."""
FILES = sum(FILES_AT.values())
FINISH_SECONDS = 600
POOL_SECONDS = 120

JOBSCRIPT = r"""#!/bin/sh
did_pfn_rse=$("$JUSTIN_PATH/justin-get-file")
[ "$did_pfn_rse" ] || exit 0
pfn=$(echo "$did_pfn_rse" | cut -d' ' -f2)
cp "${pfn#file://localhost}" "$(basename "$pfn" .txt)-w$JUSTIN_WORKFLOW_ID.out" || exit 1
echo "$did_pfn_rse" | cut -d' ' -f1 > justin-processed-dids.txt
"""

LOGS = """
SELECT j.job_id, j.state, array_agg(l.kind ORDER BY l.kind) FILTER (WHERE l.kind IS NOT NULL) AS kinds
FROM jobs j LEFT JOIN job_logs l USING (job_id)
WHERE j.workflow_id = %s GROUP BY j.job_id, j.state
"""
ALLOCATIONS = """
SELECT e.event_id, e.event_type, e.file_id, e.job_id, r.storage_id, d.distance, own.storage_id AS own_storage_id
FROM events e
JOIN replicas r USING (file_id)
LEFT JOIN distances d ON d.site_id = e.site_id AND d.storage_id = e.storage_id
LEFT JOIN distances own ON own.site_id = e.site_id AND own.distance = 0
     AND own.storage_id <> (SELECT storage_id FROM storages WHERE name = 'MONTECARLO')
WHERE e.workflow_id = %s AND e.event_type = 'file_allocated' AND r.storage_id = e.storage_id
ORDER BY e.event_id
"""


@pytest.fixture(scope="module")
def workflow_id(pool_system: PoolSystem, tmp_path_factory: pytest.TempPathFactory) -> int:
    """A workflow over two hundred files that has been done."""
    mql = registered(pool_system, tmp_path_factory.mktemp("inputs"))
    stage = StageSpec(
        jobscript=JOBSCRIPT,
        outputs=[OutputSpec(pattern="*.out", lifetime_days=1)],
        wall_seconds=600,
        rss_mib=500,
        max_distance=100,
        max_files_per_job=1,
    )
    system = pool_system.system
    began = time.monotonic()
    made = system.submit(WorkflowSpec(mql=mql, stages=[stage]))
    system.finish(made, FINISH_SECONDS)
    print(f"{FILES} jobs took {time.monotonic() - began:.0f} s from their submission to the end of the workflow")
    return made


def registered(pool_system: PoolSystem, folder: Path) -> str:
    files = []
    for rse, count in FILES_AT.items():
        for number in range(count):
            path = folder / f"pool-{rse.lower()}-{number}.txt"
            path.write_text(json.dumps({"rse": rse, "number": number}))
            files.append(Input(str(path), rse, {"core.number": number}))
    register(pool_system.system.grid, "pool-jobs", files)
    return f"files from {SCOPE}:pool-jobs"


def test_each_file_is_processed_once_and_every_book_says_so(pool_system: PoolSystem, workflow_id: int) -> None:
    system = pool_system.system
    books.check_each_processed_once(system.rows, workflow_id)
    books.check_no_event_is_missing(system.rows, workflow_id)
    written = books.read(system.grid, system.rows, workflow_id, system.instance)
    written.check_files()
    written.check_datasets({"": 86_400})
    assert len(written.outputs) == FILES
    states = [job["state"] for job in system.rows.jobs(workflow_id)]
    assert states.count(JobState.FINISHED) == FILES


def test_jobs_run_at_all_sites_and_have_far_files_only_when_no_near_one_waits(
    pool_system: PoolSystem, workflow_id: int
) -> None:
    rows = pool_system.system.rows
    told = rows.ask(ALLOCATIONS, workflow_id)
    assert {row["own_storage_id"] for row in told} == {row["storage_id"] for row in told}
    assert sum(row["distance"] == 0 for row in told) > FILES / 2
    began = {
        row["job_id"]: row["event_id"] for row in rows.events(workflow_id) if row["event_type"] == EventType.JOB_STARTED
    }
    for far in (row for row in told if row["distance"]):
        late = [row["job_id"] for row in told if waited_near(row, far) and began[row["job_id"]] > far["event_id"]]
        assert not late, f"job {far['job_id']} was given a far file, and jobs that began later were given near ones"


def waited_near(given: Row, far: Row) -> bool:
    """Say whether a file that a job was given later than a far one waited nearer to the job that was given that one.

    When it was given later to a job that ran by then, it may have been locked for that one already.
    """
    return bool(given["event_id"] > far["event_id"] and given["storage_id"] == far["own_storage_id"])


def test_the_logs_of_all_jobs_are_kept_and_the_queue_is_empty(pool_system: PoolSystem, workflow_id: int) -> None:
    rows = pool_system.system.rows

    def kept() -> bool:
        return all({"pool", "wrapper"} <= set(row["kinds"] or ()) for row in rows.ask(LOGS, workflow_id))

    wait_until(kept, POOL_SECONDS, 0.5)
    wait_until(lambda: not pool_system.pool.queue(), POOL_SECONDS, 0.5)

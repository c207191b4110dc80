"""The real wrapper in a real pool: from the submission of a workflow to its outputs at the sites' storages."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from engine import job_logs, job_watch
from engine.adapters.condor import CondorPool
from engine.pool_ports import PoolState
from engine.runtime import Runtime
from justin.states import JobState
from localgrid.grid import Grid
from localgrid.sites import SITES
from tests.support.condor import OwnCondor
from tests.support.single_jobs import Chain, chain
from tests.support.waiting import wait_until

pytestmark = pytest.mark.system

JOBS = 6
WORK_SECONDS = 120
SITES_OF_JOBS = "SELECT j.job_id, s.name AS site_name FROM jobs j JOIN sites s USING (site_id) WHERE workflow_id = %s"
RSE_OF_SITE = {site.name: site.rse for site in SITES}

JOBSCRIPT = """#!/bin/sh
did_pfn_rse=$($JUSTIN_PATH/justin-get-file)
test "$did_pfn_rse" || exit 0
number=$(echo "$did_pfn_rse" | cut -d' ' -f2)
sleep "${SECONDS_TO_SLEEP:-0}"
echo "made of $number" > "made-of-$number-w$JUSTIN_WORKFLOW_ID.txt"
echo "$did_pfn_rse" | cut -d' ' -f1 > justin-processed-dids.txt
"""


@pytest.fixture
def running(grid_runtime: Runtime, condor_pool: OwnCondor) -> Iterator[Chain]:
    with chain(replace(grid_runtime, pool=condor_pool.adapter)) as made:
        yield made


def states(running: Chain, workflow_id: int) -> list[str]:
    return [job["state"] for job in running.rows.jobs(workflow_id)]


def test_jobs_make_outputs_at_their_sites_and_leave_nothing_in_the_queue(
    running: Chain, condor_pool: OwnCondor, grid: Grid
) -> None:
    workflow_id = running.submit(JOBSCRIPT, f"monte-carlo {JOBS}", "*.txt")
    wait_until(lambda: states(running, workflow_id) == [JobState.FINISHED] * JOBS, WORK_SECONDS, 0.5)

    outputs = running.rows.outputs(workflow_id)
    sites = {row["job_id"]: row["site_name"] for row in running.rows.ask(SITES_OF_JOBS, workflow_id)}
    assert len(outputs) == JOBS
    for row in outputs:
        assert row["rse"] == RSE_OF_SITE[sites[row["creator_job_id"]]]
        (written,) = grid.storage_directory(row["rse"]).rglob(row["did"].partition(":")[2])
        assert written.read_text().startswith("made of ")

    names = [row["jobsub_id"] for row in running.rows.jobs(workflow_id)]
    condor_pool.wait_for(names, PoolState.COMPLETED)
    assert job_logs.keep_logs(running.runtime).logs == JOBS
    wait_until(lambda: not any(condor_pool.ad(name) for name in names), pause_seconds=0.5)


def test_jobs_without_need_of_gpus_have_slots_with_some_only_when_the_setting_says_so(
    grid_runtime: Runtime, condor_pool: OwnCondor
) -> None:
    kept = condor_pool.settings.model_copy(update={"requirements": "TARGET.TotalGPUs > 0"})
    with chain(replace(grid_runtime, pool=CondorPool(kept))) as running:
        running.submit(JOBSCRIPT, "monte-carlo 1", "*.txt")
        (waiting,) = running.rows.ask("SELECT jobsub_id FROM jobs")
    lent = kept.model_copy(update={"cpu_jobs_on_gpu_slots": True})
    with chain(replace(grid_runtime, pool=CondorPool(lent))) as running:
        running.submit(JOBSCRIPT, "monte-carlo 1", "*.txt")
        wait_until(lambda: running.rows.ask("SELECT FROM jobs WHERE state = 'finished'"), WORK_SECONDS, 0.5)
        (job,) = running.rows.ask("SELECT * FROM jobs WHERE state = 'finished'")
    assert job["jobsub_id"] != waiting["jobsub_id"]
    assert job["entry_name"].endswith("_GPU")
    assert job["gpus"] is None
    assert condor_pool.job(waiting["jobsub_id"]).state is PoolState.IDLE
    condor_pool.adapter.remove([waiting["jobsub_id"], job["jobsub_id"]])


def test_a_job_removed_by_hand_gives_its_file_back(running: Chain, condor_pool: OwnCondor) -> None:
    workflow_id = running.submit(f"#!/bin/sh\nSECONDS_TO_SLEEP=600\n{JOBSCRIPT}", "monte-carlo 1", "*.txt")
    wait_until(lambda: states(running, workflow_id) == [JobState.PROCESSING], WORK_SECONDS, 0.5)
    (job,) = running.rows.jobs(workflow_id)
    (file,) = running.rows.inputs(workflow_id)
    assert file["state"] == "allocated"

    condor_pool.pool.run("condor_rm", job["jobsub_id"].partition("@")[0])
    condor_pool.wait_for([job["jobsub_id"]], PoolState.REMOVED)
    job_watch.watch_jobs(running.runtime)

    assert [row["state"] for row in running.rows.inputs(workflow_id)] == ["unallocated"]
    # Asked to stop, the wrapper may have had a last word.
    assert set(states(running, workflow_id)) <= {JobState.STALLED, JobState.ABORTED}
    assert "file_released" in running.event_types(workflow_id)
    # The next test wants an empty queue.
    assert job_logs.keep_logs(running.runtime).left == 1

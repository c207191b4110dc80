"""Jobscripts in Apptainer on a real HTCondor pool, and what is learned of the entries that can start it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from justin.schemas.specs import GpuSpec, OutputSpec, StageSpec, WorkflowSpec
from justin.schemas.views import JobView
from justin.states import JobState
from localgrid import apptainer
from tests.support import books
from tests.support.pool_system import CONTAINERS_AT, PoolSystem
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

JOBS = 6
POOL_SECONDS = 120
CUDA = "the node's CUDA is here: "

# The marker is in the image alone, and the folder that the test can see is outside of it.
JOBSCRIPT = r"""#!/bin/sh
did_pfn_rse=$("$JUSTIN_PATH/justin-get-file")
[ "$did_pfn_rse" ] || exit 0
echo "home=$HOME= here=$(pwd)="
# Apptainer makes this place for the node's libraries when it is told to bring them along.
[ -d /.singularity.d/libs ] && echo "the node's CUDA is here: $(nvidia-smi -L)"
[ -e "{outside}" ] && exit 3
cat /marker > "made-of-$(echo "$did_pfn_rse" | cut -d' ' -f2)-w$JUSTIN_WORKFLOW_ID.txt" || exit 4
echo "$did_pfn_rse" | cut -d' ' -f1 > justin-processed-dids.txt
"""


@pytest.fixture(scope="module")
def workflows(pool_system: PoolSystem, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, int]]:
    """A workflow without need of GPUs and one with, both in an image, that have been done."""
    pool_system.require_containers()
    folder = tmp_path_factory.mktemp("containers")
    image = apptainer.make_image(folder / "image")
    (image / "marker").write_text("in the image\n")
    outside = folder / "outside"
    outside.touch()
    system = pool_system.system
    asked = {"plain": None, "gpu": GpuSpec(model="NVIDIA H100*")}
    made = {name: system.submit(workflow(image, outside, gpus)) for name, gpus in asked.items()}
    for workflow_id in made.values():
        system.finish(workflow_id)
    yield made
    wait_until(lambda: not pool_system.pool.queue(), POOL_SECONDS, 0.5)


def workflow(image: Path, outside: Path, gpus: GpuSpec | None) -> WorkflowSpec:
    stage = StageSpec(
        jobscript=JOBSCRIPT.format(outside=outside),
        outputs=[OutputSpec(pattern="*.txt", lifetime_days=1)],
        image=str(image),
        wall_seconds=300,
        rss_mib=500,
        max_files_per_job=1,
        gpus=gpus,
    )
    return WorkflowSpec(mql=f"monte-carlo {JOBS if gpus is None else 1}", stages=[stage])


def finished(pool_system: PoolSystem, workflow_id: int) -> list[JobView]:
    return list(pool_system.system.client.jobs(workflow_id=workflow_id, state=JobState.FINISHED))


def jobscript_log(pool_system: PoolSystem, job: JobView) -> str:
    told = {log.kind: log.text for log in pool_system.system.client.job_logs(job.jobsub_id)}
    return told["jobscript"]


def test_jobscripts_run_in_the_image_and_see_nothing_else_of_the_node(
    pool_system: PoolSystem, workflows: Mapping[str, int]
) -> None:
    system, workflow_id = pool_system.system, workflows["plain"]
    books.check_each_processed_once(system.rows, workflow_id)
    written = books.read(system.grid, system.rows, workflow_id, system.instance)
    written.check_files()
    assert len(written.outputs) == JOBS
    for name, output in written.outputs.items():
        (path,) = system.grid.storage_directory(output["rse"]).rglob(name)
        assert path.read_text() == "in the image\n"
    for job in finished(pool_system, workflow_id):
        assert "home=/home= here=/home/workspace=" in jobscript_log(pool_system, job)


def test_they_run_only_where_apptainer_is_and_the_entries_learn_of_it(
    pool_system: PoolSystem, workflows: Mapping[str, int]
) -> None:
    jobs = finished(pool_system, workflows["plain"])
    assert {job.site for job in jobs} <= set(CONTAINERS_AT)
    entries = {entry.name: entry for entry in pool_system.system.client.entries()}
    for job in jobs:
        assert entries[job.entry].inner_container is True
        assert entries[job.entry].inner_container_jobsub_id
    for entry in entries.values():
        if entry.inner_container is not None:
            assert entry.inner_container == (entry.site in CONTAINERS_AT), entry.name


def test_the_nodes_cuda_is_asked_for_only_by_jobs_with_gpus(
    pool_system: PoolSystem, workflows: Mapping[str, int]
) -> None:
    (job,) = finished(pool_system, workflows["gpu"])
    assert [gpu.name for gpu in job.gpus] == ["NVIDIA H100 80GB HBM3"]
    assert f"{CUDA}GPU 0: NVIDIA H100 80GB HBM3" in jobscript_log(pool_system, job)
    for other in finished(pool_system, workflows["plain"]):
        assert CUDA not in jobscript_log(pool_system, other)

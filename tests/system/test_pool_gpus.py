"""Stages that need GPUs, on a real HTCondor pool: they run where their needs are met, or wait and can say why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

import pytest

from justin.schemas.specs import GpuSpec, StageSpec, WorkflowSpec
from justin.schemas.views import JobView
from justin.states import JobState, WorkflowState
from localgrid.condor_gpus import A100, DRIVER_VERSION, H100, V100, VBIOS_VERSION, Gpu
from tests.support.pool_system import PoolSystem
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

JOBS = 2
POOL_SECONDS = 120
GPU_NODES = {"CH_CERN": set(H100), "US_FNAL": {A100, V100}}

OF_STAGE = "SELECT state FROM jobs WHERE hint_stage_id IN (SELECT stage_id FROM stages WHERE workflow_id = %s)"

JOBSCRIPT = r"""#!/bin/sh
while did_pfn_rse=$("$JUSTIN_PATH/justin-get-file")
do
  echo "$did_pfn_rse" | cut -d' ' -f1 >> justin-processed-dids.txt
done
echo "visible=$CUDA_VISIBLE_DEVICES="
"""


@dataclass(frozen=True)
class Case:
    """What a stage asks for, and the GPUs that meet it."""

    asked: GpuSpec | None
    fitting: frozenset[Gpu] = frozenset()
    unmet: tuple[str, ...] = ()
    """The first condition that each site with GPUs does not meet, in the order of `GPU_NODES`."""


ANY = frozenset({A100, V100, *H100})
CASES: Mapping[str, Case] = {
    "no GPU": Case(None),
    "any GPU": Case(GpuSpec(), ANY),
    "two GPUs": Case(GpuSpec(count=2), ANY),
    "much memory": Case(GpuSpec(min_memory_mib=60_000), frozenset(H100)),
    "a range of capabilities": Case(
        GpuSpec(min_capability=Decimal("7.5"), max_capability=Decimal("8.6")), frozenset({A100})
    ),
    "an old model": Case(GpuSpec(model="*V100*"), frozenset({V100})),
    "two of a model": Case(GpuSpec(count=2, model="NVIDIA H100*"), frozenset(H100)),
    "too many": Case(GpuSpec(count=3), unmet=("entry_gpus", "entry_gpus")),
    "too much memory": Case(GpuSpec(min_memory_mib=200_000), unmet=("entry_gpu_memory", "entry_gpu_memory")),
    "too new": Case(GpuSpec(min_capability=Decimal("10.0")), unmet=("entry_gpu_capability", "entry_gpu_capability")),
    "another model": Case(GpuSpec(model="NVIDIA B200*"), unmet=("entry_gpu_model", "entry_gpu_model")),
    "an old card with more memory": Case(
        GpuSpec(max_capability=Decimal("7.5"), min_memory_mib=30_000), unmet=("entry_gpu_capability", "entry_gpu_all")
    ),
}
RUNNING = [name for name, case in CASES.items() if not case.unmet]
WAITING = [name for name, case in CASES.items() if case.unmet]


@pytest.fixture(scope="module")
def workflows(pool_system: PoolSystem) -> Iterator[Mapping[str, int]]:
    """A workflow for each case; those that can run have run, side by side with the others."""
    system = pool_system.system
    made = {name: system.submit(workflow(name, CASES[name])) for name in [*WAITING, *RUNNING]}
    for name in RUNNING:
        system.finish(made[name])
    yield made
    for name in WAITING:
        system.client.finish_workflow(made[name], "nothing will ever run it")
        system.client.wait(made[name], until=[WorkflowState.FINISHED], timeout_seconds=POOL_SECONDS)
    wait_until(lambda: not pool_system.pool.queue(), POOL_SECONDS, 0.5)


def workflow(name: str, case: Case) -> WorkflowSpec:
    stage = StageSpec(jobscript=JOBSCRIPT, wall_seconds=300, rss_mib=500, max_files_per_job=1, gpus=case.asked)
    return WorkflowSpec(name=name, mql=f"monte-carlo {JOBS}", stages=[stage])


def finished(pool_system: PoolSystem, workflow_id: int) -> list[JobView]:
    jobs = list(pool_system.system.client.jobs(workflow_id=workflow_id, state=JobState.FINISHED))
    assert len(jobs) == JOBS
    return jobs


@pytest.mark.parametrize("name", [name for name in RUNNING if CASES[name].asked])
def test_jobs_have_the_gpus_that_their_stage_asks_for(
    pool_system: PoolSystem, workflows: Mapping[str, int], name: str
) -> None:
    asked = CASES[name].asked
    assert asked
    for job in finished(pool_system, workflows[name]):
        known = {f"GPU-{gpu.uuid}": gpu for gpu in GPU_NODES[job.site or ""]}
        given = [known[gpu.uuid] for gpu in job.gpus]
        assert len(set(given)) == len(given) == asked.count
        assert set(given) <= CASES[name].fitting
        assert job.entry == f"LOCAL_{job.site}_GPU"
        # The jobscript sees all of them and no other.
        told = {log.kind: log.text for log in pool_system.system.client.job_logs(job.jobsub_id)}
        assert f"visible={','.join(gpu.uuid for gpu in job.gpus)}=" in told["jobscript"]


def test_what_a_job_found_of_its_gpus_is_kept(pool_system: PoolSystem, workflows: Mapping[str, int]) -> None:
    for job in finished(pool_system, workflows["an old model"]):
        (gpu,) = job.gpus
        assert (gpu.name, gpu.memory_bytes) == (V100.name, V100.memory_mib << 20)
        assert (gpu.compute_capability, gpu.runtime_version) == (V100.capability, 12.4)
        assert (gpu.driver_version, gpu.vbios_version) == (DRIVER_VERSION, VBIOS_VERSION)


def test_jobs_without_need_of_gpus_leave_those_slots_alone(
    pool_system: PoolSystem, workflows: Mapping[str, int]
) -> None:
    for job in finished(pool_system, workflows["no GPU"]):
        assert job.entry == f"LOCAL_{job.site}"
        assert job.gpus == []


@pytest.mark.parametrize("name", WAITING)
def test_what_no_slot_has_waits_and_says_which_need_is_not_met(
    pool_system: PoolSystem, workflows: Mapping[str, int], name: str
) -> None:
    system = pool_system.system
    (stage,) = system.client.explain(workflows[name]).stages

    assert stage.files == {"unallocated": JOBS}
    expected = {**dict(zip(GPU_NODES, CASES[name].unmet, strict=True)), "UK_Manchester": "entry_gpus"}
    assert {place.site: place.filter for place in stage.places} == expected
    assert stage.removed
    assert stage.open_files == 0
    states = {job["state"] for job in system.rows.ask(OF_STAGE, workflows[name])}
    assert states <= {JobState.SUBMITTED}

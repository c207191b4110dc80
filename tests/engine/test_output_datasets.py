"""What the datasets of outputs are called in both catalogues, what they tell, and how many files they hold."""

import hashlib
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from metacat.webapi import MetaCatClient

import justin
from engine import diff
from engine.runtime import Runtime
from localgrid.grid import Grid
from models.workflows import Stage, StageEnvironment, StageOutput, StageRepository
from tests.support import books
from tests.support.uploads import DAY_SECONDS, RSE, SCOPE, Uploaded, at_once, drain, make_work, plain_name, upload

JOBSCRIPT = '#!/bin/sh\n# "quoted", it\'s \\ and ü\necho done\ttwo\n'
SHA256 = hashlib.sha256(JOBSCRIPT.encode()).hexdigest()


@pytest.fixture
def runtime(grid_runtime: Runtime) -> Runtime:
    return at_once(grid_runtime)


def describe(runtime: Runtime, stage_id: int) -> None:
    """Say of a stage all that can be said."""
    with runtime.session() as session:
        stage = session.get_one(Stage, stage_id)
        stage.jobscript, stage.jobscript_sha256 = JOBSCRIPT, SHA256
        stage.jobscript_git, stage.jobscript_commit = "dune/code/a.jobscript:v1", "c" * 40
        stage.image, stage.image_digest = "/cvmfs/unpacked/image:1", "sha256:" + "d" * 64
        stage.gpus, stage.gpu_memory_bytes, stage.gpu_min_capability = 1, 1 << 34, Decimal("7.5")
        stage.classads = {"Wants": "true"}
        session.add(StageEnvironment(stage_id=stage_id, name="B", value='a "b"\n$c', position=1))
        session.add(StageEnvironment(stage_id=stage_id, name="A", value="", position=2))
        session.add(
            StageRepository(
                stage_id=stage_id,
                organisation="dune",
                repository="tools",
                tag="v2",
                commit="e" * 40,
                content_sha256="f" * 64,
            )
        )


def told_of(grid: Grid, name: str) -> dict[str, Any]:
    metacat = MetaCatClient(grid.metacat_url, token_library=str(grid.directory / "no-tokens"))
    told: dict[str, Any] = metacat.get_dataset(f"{SCOPE}:{name}")["metadata"]
    return told


def test_a_dataset_tells_all_that_it_takes_to_make_its_files_again(grid: Grid, runtime: Runtime) -> None:
    stage_id, output_id = make_work(runtime, rse_expression="FNAL", destination="mine")
    describe(runtime, stage_id)
    job = upload(runtime, stage_id, output_id)
    drain(runtime)
    expected = {
        "workflow_id": job.workflow_id,
        "stage_id": 1,
        "pattern_id": 1,
        "file_pattern": "*.root",
        "user": "justin",
        "processors": 1,
        "rss_bytes": 2_000_000_000,
        "wall_seconds": 3600,
        "jobscript_image": "/cvmfs/unpacked/image:1",
        "mql": "files from usertests:none",
        "jobscript": JOBSCRIPT,
        "jobscript_sha256": SHA256,
        "jobscript_git": "dune/code/a.jobscript:v1",
        "jobscript_commit": "c" * 40,
        "git_repos": [
            {"repository": "dune/tools", "tag": "v2", "commit": "e" * 40, "content_sha256": "f" * 64},
        ],
        "image_digest": "sha256:" + "d" * 64,
        "environment": {"A": "", "B": 'a "b"\n$c'},
        "gpus": 1,
        "gpu_memory_bytes": 1 << 34,
        "gpu_min_capability": 7.5,
        "max_distance": 0,
        "max_files_per_job": 20,
        "classads": {"Wants": "true"},
        "destination": "mine",
        "lifetime_seconds": DAY_SECONDS,
        "rse_expression": "FNAL",
        "next_stage": False,
        "justin_version": justin.__version__,
        "instance": runtime.settings.instance,
    }
    plain = plain_name(runtime, job)
    for name in (f"{plain}-{RSE}", f"mine-{plain}", f"mine-{plain}n001"):
        assert told_of(grid, name) == {"dune.workflow": expected}


def test_the_version_of_this_system_is_read_from_a_dataset(runtime: Runtime) -> None:
    stage_id, output_id = make_work(runtime, for_next_stage=True)
    workflow_id = upload(runtime, stage_id, output_id).workflow_id
    drain(runtime)

    found = diff.diff_workflows(runtime, workflow_id, workflow_id, 0)

    (version,) = (each for each in found.values if each.name == "justin_version")
    assert (version.first, version.second, found.problems) == (justin.__version__, justin.__version__, [])


def test_later_stages_tell_of_no_query(grid: Grid, runtime: Runtime) -> None:
    stage_id, output_id = make_work(runtime)
    with runtime.session() as session:
        session.get_one(Stage, stage_id).stage_number = 9
    job = upload(runtime, stage_id, output_id)
    drain(runtime)
    told = told_of(grid, f"{runtime.settings.instance}-w{job.workflow_id}s9p1")["dune.workflow"]
    assert "mql" not in told
    assert (told["stage_id"], told["git_repos"], told["environment"], told["gpus"]) == (9, [], {}, 0)
    assert "gpu_model" not in told


def test_numbered_datasets_hold_a_thousand_files_each(grid: Grid, runtime: Runtime) -> None:
    stage_id, output_id = make_work(runtime, rse_expression="FNAL")
    with runtime.session() as session:
        # As if so many had been given a number before, some of them to outputs that were refused since.
        session.get_one(StageOutput, output_id).numbered_files = 995
    jobs = [upload(runtime, stage_id, output_id, 3) for _ in range(4)]
    drain(runtime)
    plain = plain_name(runtime, jobs[0])
    datasets = books.rucio_dump(grid, SCOPE, f"{plain}n")["datasets"]
    assert {name: len(dataset["files"]) for name, dataset in datasets.items()} == {f"{plain}n001": 5, f"{plain}n002": 7}
    for name, dataset in datasets.items():
        (rule,) = dataset["rules"]
        assert (rule["rse_expression"], rule["copies"]) == ("FNAL", 1)
        assert abs(rule["lifetime_seconds"] - DAY_SECONDS) < 60
        found = [file.did for file in runtime.metacat.query(f"files from {SCOPE}:{name}")]
        assert sorted(found) == [f"{SCOPE}:{file}" for file in dataset["files"]]
    every = Counter(file for dataset in datasets.values() for file in dataset["files"])
    assert every == Counter(_names(jobs))


def _names(jobs: list[Uploaded]) -> list[str]:
    return [did.partition(":")[2] for job in jobs for did in job.outputs]

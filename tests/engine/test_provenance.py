"""The chain from a file back to what this system did not make, read from a real MetaCat and nothing else."""

import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from engine import provenance
from engine.adapters.metacat import MetaCat
from engine.errors import InvalidInput, NotFound
from engine.ports import NewFile
from engine.settings import Settings
from justin.schemas.metadata import STATUS_KEY, STRANGERS_KEY, WORKFLOW_KEY

SCOPE = "usertests"
LIMIT = 1000
JOBSCRIPT = "#!/bin/sh\nexit 0\n"
STARTED = 1_785_000_000


@pytest.fixture
def metacat(grid_environment: dict[str, str]) -> MetaCat:
    made = MetaCat(Settings().metacat)
    made.ensure_namespace(SCOPE)
    return made


@pytest.fixture
def prefix(metacat: MetaCat) -> str:
    return f"{SCOPE}:{uuid.uuid4().hex[:8]}"


def told(workflow_id: int, stage_id: int, **changed: Any) -> dict[str, Any]:
    """Give what a dataset tells, as the outputs' agent writes it."""
    return {
        "workflow_id": workflow_id,
        "stage_id": stage_id,
        "pattern_id": 1,
        "file_pattern": "*",
        "user": "alice",
        "processors": 2,
        "rss_bytes": 2000 << 20,
        "wall_seconds": 3600,
        "jobscript_image": "/cvmfs/images/al9",
        "image_digest": "",
        "jobscript": JOBSCRIPT,
        "jobscript_sha256": "0" * 64,
        "jobscript_git": "DUNE/jobs/x.jobscript:v1",
        "jobscript_commit": "c" * 40,
        "git_repos": [{"repository": "DUNE/code", "tag": "v2", "commit": "d" * 40, "content_sha256": "e" * 64}],
        "environment": {"EVENTS": "5"},
        "justin_version": "0.1.0",
        "instance": "",
        "max_distance": 30,
        "max_files_per_job": 20,
        "lifetime_seconds": 86_400,
        "gpus": 0,
        "classads": {},
        "mql": "monte-carlo 3",
        **changed,
    }


def run_of(workflow_id: int, stage_id: int) -> dict[str, Any]:
    return {
        "workflow_id": workflow_id,
        "stage_id": stage_id,
        "site_name": "UK_Manchester",
        "user": "alice",
        "hostname": "node7",
        "jobscript_start": STARTED,
        "jobscript_finish": STARTED + 60,
        "jobscript_real_seconds": 60.5,
        "jobscript_cpu_seconds": 50,
        "jobscript_max_rss_bytes": 1 << 30,
        "cpuinfo": "a processor",
        "os_release": "Debian",
        "job_id": "7.0@pool",
    }


def make(
    metacat: MetaCat,
    dataset: str,
    dids: Sequence[str],
    how: tuple[int, int] | None = None,
    parents: Sequence[str] = (),
    **metadata: Any,
) -> None:
    """Make files known in a dataset; `how` is the workflow and stage that made them, if this system did."""
    ours = {WORKFLOW_KEY: run_of(*how), STATUS_KEY: "confirmed"} if how else {}
    files = [
        NewFile(did, 10 + number, f"{number:08x}", metadata={**ours, **metadata}, parents=tuple(parents))
        for number, did in enumerate(dids)
    ]
    metacat.ensure_dataset(dataset, {WORKFLOW_KEY: told(*how)} if how else {"core.campaign": "raw"})
    metacat.declare(dataset, files)


@pytest.fixture
def chain(metacat: MetaCat, prefix: str) -> str:
    """Two files of others, three made of both of them, and one made of the three in another workflow."""
    raw = [f"{prefix}-raw-{number}" for number in range(2)]
    middle = [f"{prefix}-middle-{number}" for number in range(3)]
    make(metacat, f"{prefix}-raws", raw)
    make(metacat, f"{prefix}-w3s1p1", middle, (3, 1), raw)
    make(metacat, f"{prefix}-w4s2p1", [f"{prefix}-last"], (4, 2), middle, **{"core.events": 5})
    return prefix


def test_every_generation_is_there_with_what_made_it(metacat: MetaCat, chain: str) -> None:
    found = provenance.trace(metacat, [f"{chain}-last"], None, LIMIT)

    assert [(file.generation, file.did.removeprefix(f"{chain}-")) for file in found.files] == [
        (0, "last"),
        *((1, f"middle-{number}") for number in range(3)),
        *((2, f"raw-{number}") for number in range(2)),
    ]
    assert found.complete
    last, middle, raw = found.files[0], found.files[1], found.files[-1]
    assert (last.size_bytes, last.adler32, last.metadata) == (10, "00000000", {"core.events": 5})
    assert (raw.maker, raw.run, raw.parents) == (None, None, [])
    makers = {maker.key: maker for maker in found.makers}
    assert [(maker.workflow_id, maker.stage_id) for maker in found.makers] == [(3, 1), (4, 2)]
    maker = makers[str(middle.maker)]
    assert (maker.dataset, maker.jobscript, maker.environment) == (f"{chain}-w3s1p1", JOBSCRIPT, {"EVENTS": "5"})
    assert (maker.git_repos[0].commit, maker.jobscript_commit, maker.not_recorded) == ("d" * 40, "c" * 40, [])


def test_a_file_tells_of_the_run_that_made_it(metacat: MetaCat, chain: str) -> None:
    run = provenance.trace(metacat, [f"{chain}-last"], 0, LIMIT).files[0].run

    assert run is not None
    assert (run.job_id, run.site_name, run.hostname, run.real_seconds) == ("7.0@pool", "UK_Manchester", "node7", 60.5)
    assert run.started_at is not None
    assert run.started_at.timestamp() == STARTED


def test_what_is_beyond_the_depth_or_the_limit_is_counted(metacat: MetaCat, chain: str) -> None:
    shallow = provenance.trace(metacat, [f"{chain}-last"], 1, LIMIT)
    assert (len(shallow.files), shallow.more_count, shallow.complete) == (4, 2, False)
    assert shallow.more == [f"{chain}-raw-0", f"{chain}-raw-1"]

    narrow = provenance.trace(metacat, [f"{chain}-last"], None, 3)
    assert (len(narrow.files), narrow.more_count) == (3, 3)


def test_counters_and_files_of_rucio_alone_are_inputs_elsewhere(metacat: MetaCat, prefix: str) -> None:
    counter = "monte-carlo-000003-000007"
    make(metacat, f"{prefix}-w3s1p1", [f"{prefix}-sim"], (3, 1), **{STRANGERS_KEY: [counter]})

    (file,) = provenance.trace(metacat, [f"{prefix}-sim"], None, LIMIT).files

    assert (file.inputs_elsewhere, file.metadata) == ([counter], {})


def test_what_older_versions_did_not_write_is_said(metacat: MetaCat, prefix: str) -> None:
    old = {key: value for key, value in told(3, 1).items() if key not in {"jobscript", "environment"}}
    metacat.ensure_dataset(f"{prefix}-w3s1p1", {WORKFLOW_KEY: old | {"processors": "many"}})
    make_in = NewFile(f"{prefix}-old", 1, "00000001", metadata={WORKFLOW_KEY: run_of(3, 1)})
    metacat.declare(f"{prefix}-w3s1p1", [make_in])

    (maker,) = provenance.trace(metacat, [f"{prefix}-old"], None, LIMIT).makers

    assert maker.not_recorded == ["environment", "jobscript", "processors"]
    assert (maker.processors, maker.jobscript_commit) == (None, "c" * 40)


def test_files_of_a_kind_have_one_maker_wherever_they_are_stored(metacat: MetaCat, prefix: str) -> None:
    files = [f"{prefix}-{rse}" for rse in ("CERN", "FNAL")]
    metacat.ensure_dataset(f"{prefix}-merged-w3s1p1", {WORKFLOW_KEY: told(3, 1)})
    for rse, did in zip(("CERN", "FNAL"), files, strict=True):
        make(metacat, f"{prefix}-w3s1p1-{rse}", [did], (3, 1))
    metacat.attach(f"{prefix}-merged-w3s1p1", files)

    found = provenance.trace(metacat, files, None, LIMIT)

    assert [maker.dataset for maker in found.makers] == [f"{prefix}-merged-w3s1p1"]


def test_a_file_in_no_dataset_that_tells_still_tells_its_stage(metacat: MetaCat, prefix: str) -> None:
    metacat.ensure_dataset(f"{prefix}-mine", {})
    metacat.declare(f"{prefix}-mine", [NewFile(f"{prefix}-lone", 1, "00000001", metadata={WORKFLOW_KEY: run_of(3, 1)})])

    found = provenance.trace(metacat, [f"{prefix}-lone"], None, LIMIT)

    assert [(maker.dataset, maker.workflow_id, maker.user) for maker in found.makers] == [("", 3, "alice")]
    assert "jobscript" in found.makers[0].not_recorded


def test_circles_and_diamonds_end(metacat: MetaCat, prefix: str) -> None:
    metacat.ensure_dataset(f"{prefix}-all", {})
    names = [f"{prefix}-{letter}" for letter in "abc"]
    metacat.declare(f"{prefix}-all", [NewFile(names[0], 1, "00000001")])
    metacat.declare(f"{prefix}-all", [NewFile(name, 1, "00000001", parents=(names[0],)) for name in names[1:]])
    # MetaCat itself does not mind that the first is made of the last.
    metacat._call(lambda: metacat._client.update_file(did=names[0], parents=[{"did": names[2]}]))

    found = provenance.trace(metacat, [names[1]], None, LIMIT)

    assert [(file.did, file.generation) for file in found.files] == [(names[1], 0), (names[0], 1), (names[2], 2)]


def test_an_unknown_file_and_what_is_no_did_are_refused(metacat: MetaCat, prefix: str) -> None:
    with pytest.raises(NotFound, match="does not know"):
        provenance.trace(metacat, [f"{prefix}-none"], None, LIMIT)
    with pytest.raises(InvalidInput, match="SCOPE:NAME"):
        provenance.trace(metacat, ["w504s1p1"], None, LIMIT)

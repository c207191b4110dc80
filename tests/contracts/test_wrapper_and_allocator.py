"""The real wrapper and the real allocator on real catalogues: what a job does to the books."""

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engine import log_registration
from engine.adapters.rucio import Rucio
from engine.log_registration import LogsRegistered
from engine.ports import NewFile
from engine.runtime import Runtime
from localgrid.grid import Grid
from models.queries import jobs
from models.queries.jobs import JobFilter
from tests.support import books
from tests.support.registrar import SCOPE, Input, register
from tests.support.single_jobs import Chain, chain

SITE, RSE = "UK_Manchester", "MANCHESTER"
UNREACHABLE = "file://localhost/dev/null/nothing-can-be-put-below-a-device"

ONE_OUTPUT = r"""#!/bin/sh
set -e
did_pfn_rse=$($JUSTIN_PATH/justin-get-file)
did=$(echo "$did_pfn_rse" | cut -f1 -d' ')
printf content > NAME
printf '%s' 'METADATA' > NAME.json
echo "$did" > justin-processed-dids.txt
"""


def one_output(name: str, metadata: str = '{"metadata": {"core.data_tier": "made", "Core.Run": 7}}') -> str:
    """A jobscript that makes one output with a metadata file beside it."""
    return ONE_OUTPUT.replace("NAME", name).replace("METADATA", metadata)


class TwoAddresses(Rucio):
    """The real Rucio, as if every storage had a second address, tried first, that no job can reach."""

    def write_pfns(self, rse: str, dids: Sequence[str], schemes: Sequence[str]) -> dict[str, list[str]]:
        found = super().write_pfns(rse, dids, schemes)
        return {did: [f"{UNREACHABLE}/{did}", *pfns] for did, pfns in found.items()}


class NoLogs(Rucio):
    """The real Rucio, as if no storage could take logs."""

    def write_pfns(self, rse: str, dids: Sequence[str], schemes: Sequence[str]) -> dict[str, list[str]]:
        found = super().write_pfns(rse, dids, schemes)
        return {did: [f"{UNREACHABLE}/{did}"] if did.endswith(".logs.tgz") else pfns for did, pfns in found.items()}


@pytest.fixture
def world(grid_runtime: Runtime) -> Iterator[Chain]:
    with chain(grid_runtime) as running:
        yield running


@pytest.fixture
def name(prefix: str) -> str:
    """The name of an output that no other test makes."""
    return f"{prefix.partition(':')[2]}.dat"


def states(world: Chain, workflow_id: int) -> Mapping[str, int]:
    return Counter(row["state"] for row in world.rows.files(workflow_id))


def the_job(world: Chain, workflow_id: int) -> tuple[str, str]:
    (job,) = world.rows.jobs(workflow_id)
    return job["state"], job["state_message"]


def test_a_monte_carlo_job_brings_its_output_home(world: Chain, name: str) -> None:
    workflow_id = world.submit(one_output(name), "monte-carlo 1", "*.dat")
    (ran,) = world.run_jobs(SITE)
    assert ran.exit_status == 0, ran.log

    assert the_job(world, workflow_id)[0] == "finished"
    assert states(world, workflow_id) == {"outputting": 1, "uploaded": 1}
    (posted,) = world.outbox(workflow_id)
    lies = Path(urlsplit(posted["pfn"]).path)
    assert lies.read_bytes() == b"content"
    (output,) = world.rows.outputs(workflow_id)
    assert (output["did"], output["rse"]) == (f"usertests:{name}", RSE)
    assert (output["size_bytes"], output["adler32"]) == (7, f"{zlib.adler32(b'content'):08x}")
    assert (posted["state"], posted["parents"]) == ("waiting", [])
    check_metadata(posted["file_metadata"], workflow_id)
    assert world.event_types(workflow_id)[-8:] == [
        "job_started",
        "file_allocated",
        "job_processing",
        "output_recorded",
        "job_outputting",
        "file_outputting",
        "output_uploaded",
        "job_finished",
    ]


def check_metadata(metadata: Mapping[str, object], workflow_id: int) -> None:
    assert metadata["core.data_tier"] == "made"
    assert metadata["core.run"] == 7
    about = metadata["dune.workflow"]
    assert isinstance(about, dict)
    assert (about["workflow_id"], about["stage_id"], about["site_name"], about["user"]) == (
        workflow_id,
        1,
        SITE,
        "alice",
    )
    assert {"hostname", "job_id", "jobscript_real_seconds", "jobscript_max_rss_bytes", "os_release"} <= about.keys()


def test_an_output_has_the_inputs_of_its_job_for_parents(world: Chain, name: str, grid: Grid, tmp_path: Path) -> None:
    (tmp_path / f"in-{name}").write_text("input")
    dataset = f"dataset-of-{name}"
    register(grid, dataset, [Input(str(tmp_path / f"in-{name}"), RSE, {"core.number": 1})])
    workflow_id = world.submit(one_output(name), f"files from {SCOPE}:{dataset}", "*.dat")
    (ran,) = world.run_jobs(SITE)
    assert the_job(world, workflow_id)[0] == "finished", ran.log
    (posted,) = world.outbox(workflow_id)
    (given,) = world.rows.inputs(workflow_id)
    assert posted["parents"] == [given["did"]]
    assert given["did"] == f"{SCOPE}:in-{name}"


def test_a_jobscript_that_fails_gives_its_input_back(world: Chain) -> None:
    workflow_id = world.submit("#!/bin/sh\n$JUSTIN_PATH/justin-get-file\necho so sad\nexit 3\n", "monte-carlo 1", "*")
    (ran,) = world.run_jobs(SITE)
    assert ran.exit_status == 0, ran.log
    assert the_job(world, workflow_id)[0] == "jobscript_error"
    assert states(world, workflow_id) == {"unallocated": 1}
    (log,) = world.rows.ask("SELECT content FROM job_logs WHERE kind = 'jobscript'")
    assert zlib.decompress(log["content"]).endswith(b"so sad\n")
    assert world.outbox(workflow_id) == []
    assert world.event_types(workflow_id)[-2:] == ["file_released", "job_jobscript_error"]


def test_the_last_attempt_fails_the_file(world: Chain) -> None:
    script = "#!/bin/sh\n$JUSTIN_PATH/justin-get-file\nexit 3\n"
    workflow_id = world.submit(script, "monte-carlo 1", max_allocations=1)
    world.run_jobs(SITE)
    assert states(world, workflow_id) == {"failed": 1}


def test_a_job_without_outputs_processes_its_inputs(world: Chain) -> None:
    script = "#!/bin/sh\n$JUSTIN_PATH/justin-get-file | cut -f1 -d' ' > justin-processed-dids.txt\n"
    workflow_id = world.submit(script, "monte-carlo 1")
    world.run_jobs(SITE)
    assert the_job(world, workflow_id)[0] == "finished"
    assert states(world, workflow_id) == {"processed": 1}
    assert world.outbox(workflow_id) == []


def test_a_jobscript_that_runs_too_long_is_ended_and_its_log_kept(world: Chain) -> None:
    script = "#!/bin/sh\n$JUSTIN_PATH/justin-get-file\necho begun\nexec sleep 60\n"
    workflow_id = world.submit(script, "monte-carlo 1", wall_seconds=1)
    (ran,) = world.run_jobs(SITE)
    assert ran.seconds < 30
    assert the_job(world, workflow_id)[0] == "timed_out"
    assert states(world, workflow_id) == {"unallocated": 1}
    (log,) = world.rows.ask("SELECT content FROM job_logs WHERE kind = 'jobscript'")
    assert b"begun" in zlib.decompress(log["content"])


def test_the_logs_of_jobs_that_did_well_and_badly_are_in_all_books(world: Chain, name: str, grid: Grid) -> None:
    good = world.submit(one_output(name) + "echo art > art.log\n", "monte-carlo 1", "*.dat")
    world.run_jobs(SITE)
    bad = world.submit("#!/bin/sh\n$JUSTIN_PATH/justin-get-file\necho so sad\nexit 3\n", "monte-carlo 1", "*")
    world.run_jobs(SITE)
    assert (the_job(world, good)[0], the_job(world, bad)[0]) == ("finished", "jobscript_error")
    assert log_registration.register_logs(world.runtime) == LogsRegistered(logs=2)

    for workflow_id, exits in ((good, 0), (bad, 3)):
        (logs,) = books.check_logs(grid, world.rows, workflow_id, world.runtime.settings.instance).values()
        assert {"jobscript.log", "justin-wrapper.log", "justin-heartbeats.log", "justin-job-ad.log"} <= set(logs)
        assert f"the jobscript ended with {exits}".encode() in logs["justin-wrapper.log"]
        assert (logs.get("art.log") == b"art\n") == (workflow_id == good)
        (row,) = world.rows.logs(workflow_id)
        assert row["rse"] == RSE, "the storage beside the job"
        with world.runtime.session() as session:
            (job,) = jobs.list_jobs(session, JobFilter(workflow_id=workflow_id), limit=10)
        assert job.logs_did == row["did"]


def test_logs_that_nobody_takes_cost_the_job_nothing(grid_runtime: Runtime, name: str) -> None:
    settings = grid_runtime.settings
    with chain(replace(grid_runtime, rucio=NoLogs(settings.rucio, settings.replicas.schemes))) as world:
        workflow_id = world.submit(one_output(name), "monte-carlo 1", "*.dat")
        (ran,) = world.run_jobs(SITE)
        assert the_job(world, workflow_id)[0] == "finished", ran.log
        assert "the logs are not stored" in ran.log
        assert world.rows.logs(workflow_id) == []


def test_a_jobscript_that_never_asks_is_said_to_be_so(world: Chain) -> None:
    workflow_id = world.submit("#!/bin/sh\nexit 0\n", "monte-carlo 1")
    world.run_jobs(SITE)
    assert the_job(world, workflow_id)[0] == "no_input_requested"
    assert states(world, workflow_id) == {"unallocated": 1}


def test_a_name_that_rucio_has_is_told_before_anything_is_uploaded(
    world: Chain, rucio: Rucio, name: str, grid: Grid
) -> None:
    rucio.register(RSE, [NewFile(f"usertests:{name}", 1, "00010001")])
    workflow_id = world.submit(one_output(name), "monte-carlo 1", "*.dat")
    (ran,) = world.run_jobs(SITE)
    state, message = the_job(world, workflow_id)
    assert state == "outputting_failed"
    assert "Rucio has a file of that name already" in message
    assert "Rucio has a file of that name already" in ran.log
    assert states(world, workflow_id) == {"unallocated": 1}
    assert list(grid.storage_directory(RSE).rglob(name)) == []


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ('{"metadata": ', ".dat.json: "),
        ('{"metadata": {"run": 1}}', "has no category"),
        ('{"metadata": {"core.x": 1}, "parents": [{"nobody": 1}]}', "not of the form"),
    ],
)
def test_bad_metadata_sends_the_input_back(world: Chain, name: str, metadata: str, words: str) -> None:
    workflow_id = world.submit(one_output(name, metadata), "monte-carlo 1", "*.dat")
    world.run_jobs(SITE)
    state, message = the_job(world, workflow_id)
    assert state == "outputting_failed"
    assert words in message
    assert states(world, workflow_id) == {"unallocated": 1}


def test_the_address_that_took_an_output_is_the_one_that_is_kept(grid_runtime: Runtime, name: str) -> None:
    settings = grid_runtime.settings
    with chain(replace(grid_runtime, rucio=TwoAddresses(settings.rucio, settings.replicas.schemes))) as world:
        workflow_id = world.submit(one_output(name), "monte-carlo 1", "*.dat")
        (ran,) = world.run_jobs(SITE)
        assert f"upload of {name} to {RSE} failed" in ran.log
        (posted,) = world.outbox(workflow_id)
        assert not posted["pfn"].startswith(UNREACHABLE)
        assert Path(urlsplit(posted["pfn"]).path).read_bytes() == b"content"
        (replica,) = world.rows.ask("SELECT wan_pfn FROM replicas WHERE file_id = %s", posted["file_id"])
        assert replica["wan_pfn"] == posted["pfn"]


def test_a_job_that_gets_no_work_is_not_used(world: Chain) -> None:
    script = "#!/bin/sh\n$JUSTIN_PATH/justin-get-file | cut -f1 -d' ' > justin-processed-dids.txt\n"
    workflow_id = world.submit(script, "monte-carlo 1")
    world.rows.ask("UPDATE workflows SET state = 'paused' WHERE workflow_id = %s RETURNING 1", workflow_id)
    (ran,) = world.run_jobs(SITE)
    assert ran.exit_status == 0
    (job,) = world.rows.ask("SELECT state FROM jobs")
    assert job["state"] == "notused"
    assert states(world, workflow_id) == {"unallocated": 1}

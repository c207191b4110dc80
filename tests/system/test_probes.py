"""Probes on real storages: a job for each site reads and writes them, and a storage that fails is not offered there."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engine import job_factory, probe_files, probes, why_not
from engine.runtime import Runtime
from engine.settings import Probes
from justin.schemas.views import ProbeView
from justin.states import EventType, JobState, ProbeState
from localgrid.condor_gpus import OF_SITE
from localgrid.grid import Grid
from localgrid.pool import alone
from localgrid.sites import SITES
from models import seed
from models.queries import probes as found_by_probes
from tests.support.condor import OwnCondor
from tests.support.registrar import SCOPE, Input, register
from tests.support.single_jobs import Chain, chain
from tests.support.waiting import wait_until

pytestmark = pytest.mark.system

HOURS = 3600.0
POOL_SECONDS = 180.0
EVERYWHERE = {(site.name, other.rse) for site in SITES for other in SITES}
CERN, MANCHESTER = "CH_CERN", "MANCHESTER"

TAKE_ALL = r"""#!/bin/bash
while did_pfn_rse=$($JUSTIN_PATH/justin-get-file) ; do
  echo "$did_pfn_rse" | cut -f1 -d' ' >> justin-processed-dids.txt
done
exit 0
"""


@pytest.fixture
def probing(grid_runtime: Runtime) -> Iterator[Chain]:
    """A chain whose probes are due all the time, in a scope that no other test has."""
    settings = grid_runtime.settings
    own = Probes(every_seconds=1e-6, scope=f"probes-{settings.instance}")
    with chain(replace(grid_runtime, settings=settings.model_copy(update={"probes": own}))) as made:
        yield made


def probe_all(probing: Chain, *, broken: Path | None = None) -> None:
    """Submit the probes that are due, and run each at its site; for that at CERN a directory may be no directory."""
    directory = probing.runtime.settings.pool.directory
    probes.submit_probes(probing.runtime)
    for job in alone.take_jobs(directory):
        (site,) = job.order.sites
        with out_of_order(broken) if broken and site == CERN else nullcontext():
            ran = alone.run_job(directory, job, site)
        assert ran.exit_status == 0, ran.log
        assert f"==awt== {site} " in ran.log


@contextmanager
def out_of_order(directory: Path) -> Iterator[None]:
    """Let a file lie where a directory was."""
    aside = directory.with_name(f"{directory.name}.aside")
    directory.rename(aside)
    directory.touch()
    try:
        yield
    finally:
        directory.unlink()
        aside.rename(directory)


def matrix(probing: Chain) -> dict[tuple[str, str], ProbeView]:
    with probing.runtime.session() as session:
        found = found_by_probes.matrix(session, 48 * HOURS)
    return {(each.site, each.storage): each for each in found}


def states(probing: Chain) -> dict[tuple[str, str], ProbeState]:
    return {pair: each.state for pair, each in matrix(probing).items()}


def known_files(probing: Chain) -> dict[str, Path]:
    """Where the file that stays lies, by storage, as Rucio has it."""
    (located,) = probing.runtime.rucio.locate([probe_files.lasting_did(probing.runtime.settings)])
    return {replica.rse: Path(urlsplit(replica.wan_pfn).path) for replica in located.replicas}


def scope_directory(probing: Chain, rse: str) -> Path:
    """Where a storage has the files of the probes' scope."""
    path = known_files(probing)[rse]
    return next(each for each in path.parents if each.name == probing.runtime.settings.probes.scope)


def written(probing: Chain, rse: str) -> list[Path]:
    return [path for path in scope_directory(probing, rse).rglob("*") if path.is_file()]


def event_types(probing: Chain, *wanted: EventType) -> list[tuple[str, str, str]]:
    """Tell of what happened to pairs of site and storage, in order."""
    rows = probing.rows.ask(
        "SELECT e.event_type, s.name AS site, t.name AS rse FROM events e JOIN sites s USING (site_id)"
        " JOIN storages t USING (storage_id) WHERE e.event_type = ANY(%s) ORDER BY e.event_id",
        list(wanted),
    )
    return [(row["event_type"], row["site"], row["rse"]) for row in rows]


def test_the_first_probes_write_what_later_ones_read(probing: Chain) -> None:
    probe_all(probing)
    first = matrix(probing)
    assert first.keys() == EVERYWHERE
    assert {each.state for each in first.values()} == {ProbeState.BOTH}
    assert known_files(probing) == {}

    probe_all(probing)
    second = matrix(probing)
    assert {each.state for each in second.values()} == {ProbeState.BOTH}
    assert {each.jobsub_id for each in second.values()}.isdisjoint({each.jobsub_id for each in first.values()})
    known = known_files(probing)
    assert known.keys() == {site.rse for site in SITES}
    for rse, path in known.items():
        # What the second probes wrote under names of their own is gone again.
        assert written(probing, rse) == [path]
        assert path.read_text() == probe_files.CONTENT


def test_probes_are_nobodys_jobs(probing: Chain) -> None:
    probe_all(probing)
    jobs = probing.rows.ask("SELECT * FROM jobs")
    assert len(jobs) == len(SITES)
    for job in jobs:
        assert (job["state"], job["is_probe"]) == (JobState.FINISHED, True)
        assert (job["workflow_id"], job["stage_id"], job["quota_id"], job["charged_quota_id"]) == (None,) * 4
        events = probing.rows.ask("SELECT event_type FROM events WHERE job_id = %s ORDER BY event_id", job["job_id"])
        moves = [row["event_type"] for row in events if row["event_type"].startswith("job_")]
        assert moves == ["job_submitted", "job_started", "job_outputting", "job_finished"]
    assert probing.rows.ask("SELECT * FROM quota_loads WHERE running_jobs <> 0") == []


def test_a_storage_that_fails_for_a_site_is_not_offered_there_until_it_does_well(
    probing: Chain, grid: Grid, tmp_path: Path
) -> None:
    workflow_id = _one_file_at_each(probing, grid, tmp_path)
    probe_all(probing)
    probe_all(probing)
    broken = scope_directory(probing, MANCHESTER)

    probe_all(probing, broken=broken)
    found = matrix(probing)[CERN, MANCHESTER]
    assert found.state is ProbeState.NONE
    assert found.message
    assert found.offered_for_reading, "once is not enough"
    assert set(states(probing).values()) == {ProbeState.BOTH, ProbeState.NONE}

    probe_all(probing, broken=broken)
    withheld = {pair for pair, each in matrix(probing).items() if not each.offered_for_reading}
    assert withheld == {(CERN, MANCHESTER)}
    assert withheld == {pair for pair, each in matrix(probing).items() if not each.offered_for_writing}
    assert _taken_at_cern(probing, workflow_id) == {"CERN": "processed", MANCHESTER: "unallocated"}
    assert _unmet(probing, workflow_id) == ["probes_can_read"]

    probe_all(probing)
    assert set(states(probing).values()) == {ProbeState.BOTH}
    assert _taken_at_cern(probing, workflow_id) == {"CERN": "processed", MANCHESTER: "processed"}
    failed, well = EventType.PROBE_READ_FAILED, EventType.STORAGE_WITHHELD
    assert event_types(probing, failed, EventType.PROBE_WRITE_FAILED) == [
        (failed, CERN, MANCHESTER),
        (EventType.PROBE_WRITE_FAILED, CERN, MANCHESTER),
    ]
    assert event_types(probing, well, EventType.STORAGE_OFFERED) == [
        *[(well, CERN, MANCHESTER)] * 2,
        *[(EventType.STORAGE_OFFERED, CERN, MANCHESTER)] * 2,
    ]


def test_a_lost_file_is_written_again(probing: Chain) -> None:
    probe_all(probing)
    probe_all(probing)
    lost = known_files(probing)[MANCHESTER]
    lost.unlink()

    probe_all(probing)
    assert {pair for pair, state in states(probing).items() if state is ProbeState.WRITE_ONLY} == {
        (site.name, MANCHESTER) for site in SITES
    }
    probe_all(probing)
    assert set(states(probing).values()) == {ProbeState.BOTH}
    assert lost.read_text() == probe_files.CONTENT


def test_a_disabled_site_is_probed_and_a_probe_elsewhere_is_of_no_use(probing: Chain) -> None:
    directory = probing.runtime.settings.pool.directory
    probing.rows.ask("UPDATE sites SET enabled = false WHERE name = %s RETURNING 1", CERN)
    probes.submit_probes(probing.runtime)
    for job in alone.take_jobs(directory):
        assert alone.run_job(directory, job, CERN).exit_status == 0

    tried = {site for (site, _), state in states(probing).items() if state is not ProbeState.NO_RESULT}
    assert tried == {CERN}
    messages = {row["state_message"] for row in probing.rows.ask("SELECT * FROM jobs WHERE state = 'notused'")}
    assert messages == {f"The probe of {site.name} started at {CERN}." for site in SITES if site.name != CERN}


def test_probes_reach_their_sites_and_gpu_entries_in_a_real_pool(probing: Chain, condor_pool: OwnCondor) -> None:
    running = replace(probing, runtime=replace(probing.runtime, pool=condor_pool.adapter))
    gpu_entries = {site.name: f"{site.entry}_GPU" for site in SITES if site.name in OF_SITE}
    with running.runtime.session() as session:
        for site in SITES:
            site_id = seed.ensure_site(session, site.name)
            seed.ensure_entry(session, site.entry, site_id)
            if site.name in gpu_entries:
                seed.ensure_entry(session, gpu_entries[site.name], site_id, gpus=len(OF_SITE[site.name]))
    probes.submit_probes(running.runtime)

    def jobs() -> list[tuple[str, str, bool]]:
        statement = (
            "SELECT s.name AS site, j.entry_name, j.gpus IS NOT NULL AS gpus FROM jobs j JOIN sites s USING (site_id)"
            " WHERE j.is_probe AND j.state = 'finished'"
        )
        return sorted((row["site"], row["entry_name"], row["gpus"]) for row in running.rows.ask(statement))

    wanted = [(site.name, site.entry, False) for site in SITES]
    wanted += [(name, entry, True) for name, entry in gpu_entries.items()]
    wait_until(lambda: len(jobs()) == len(wanted), POOL_SECONDS, 0.5)
    assert jobs() == sorted(wanted)
    with running.runtime.session() as session:
        found = found_by_probes.matrix(session, 48 * HOURS)
    assert {each.gpu_entry for each in found} == {"", *gpu_entries.values()}
    assert {each.state for each in found} == {ProbeState.BOTH}


def _one_file_at_each(probing: Chain, grid: Grid, tmp_path: Path) -> int:
    """Make a workflow on a file at CERN and one at Manchester; its jobs are left for later."""
    dataset = f"probed-{uuid.uuid4().hex}"
    files = []
    for rse in ("CERN", MANCHESTER):
        path = tmp_path / f"{dataset}-{rse}.txt"
        path.write_text(f"at {rse}\n")
        files.append(Input(str(path), rse, {}))
    register(grid, dataset, files)
    workflow_id = probing.submit(TAKE_ALL, f"files from {SCOPE}:{dataset}")
    alone.take_jobs(probing.runtime.settings.pool.directory)
    probing.rows.ask("UPDATE jobs SET state = 'removed', finished_at = now() WHERE NOT is_probe RETURNING 1")
    return workflow_id


def _taken_at_cern(probing: Chain, workflow_id: int) -> dict[str, str]:
    """Let jobs at CERN take what they get, and return the state of each file by where it lies."""
    job_factory.submit_jobs(probing.runtime)
    for ran in probing.run_jobs(CERN):
        assert ran.exit_status == 0, ran.log
    return {row["did"].rpartition("-")[2].partition(".")[0]: row["state"] for row in probing.rows.inputs(workflow_id)}


def _unmet(probing: Chain, workflow_id: int) -> list[str]:
    with probing.runtime.session() as session:
        (stage,) = why_not.explain(session, workflow_id, site=CERN).stages
    return [name for place in stage.places for name in place.unmet]

"""A probe asks for its work and reports what it found, once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import select

from engine import probe_files
from engine.runtime import Runtime
from justin.schemas.jobs import Jobscript, Probe, StorageTrial
from justin.states import JobState
from models import seed
from models.jobs import Job
from models.places import AvoidedNode, ProbeJob, ProbeResult
from tests.services.allocator.test_starts import GPU, SLOT
from tests.support.makers import STORAGE, key, make_files, make_job, make_site, make_stage
from tests.support.signed_job import SignedJob

Calling = Callable[[Job], SignedJob]
WELL: dict[str, Any] = {"ok": True, "seconds": 0.5}
FOUND: dict[str, Any] = {"rse": STORAGE, "read": WELL, "write": {"ok": False, "seconds": 1.5, "message": "no room"}}


@pytest.fixture
def probe(runtime: Runtime, calling: Calling) -> Callable[..., SignedJob]:
    """A function that makes a submitted probe of a known site, and work that other jobs could have there."""

    def make(gpu_entry: str = "", **site: Any) -> SignedJob:
        with runtime.session() as session:
            site_id = make_site(session, **site)
            make_files(session, make_stage(session), 3)
            job = make_job(session, is_probe=True)
            trial = StorageTrial(rse=STORAGE, read_url="file:///known", targets=[], keep=False)
            trials = [{"storage_id": seed.ensure_storage(session, STORAGE), "trial": trial.model_dump()}]
            session.add(ProbeJob(job_id=key(job.job_id), site_id=site_id, gpu_entry=gpu_entry, trials=trials))
            return calling(job)

    return make


def start(job: SignedJob, **slot: Any) -> httpx.Response:
    return job.call("get_jobscript", **(SLOT | slot))


def row(runtime: Runtime, job: SignedJob) -> Job:
    with runtime.session() as session:
        return session.exec(select(Job).where(Job.jobsub_id == job.jobsub_id)).one()


def results(runtime: Runtime) -> list[tuple[bool | None, bool | None, str]]:
    with runtime.session() as session:
        return [(each.read_ok, each.write_ok, each.message) for each in session.exec(select(ProbeResult))]


def test_a_probe_is_told_what_to_try_and_gets_no_stage(runtime: Runtime, probe: Callable[..., SignedJob]) -> None:
    job = probe(enabled=False, disabled_reason="moved")
    told = Probe.model_validate(start(job, gpus=[GPU]).json())
    assert (told.content, [trial.read_url for trial in told.trials]) == (probe_files.CONTENT, ["file:///known"])
    assert start(job).json() == told.model_dump(mode="json"), "the first answer may have been lost"
    found = row(runtime, job)
    assert (found.state, found.stage_id, found.charged_quota_id, found.hostname) == ("started", None, None, "node1")
    assert found.gpus is not None
    assert found.gpus["gpus"][0]["uuid"] == GPU["uuid"]
    assert job.call("get_file").status_code == 404
    assert job.call("send_heartbeat").json()["stop"] is False


def test_what_a_probe_found_is_kept_once(runtime: Runtime, probe: Callable[..., SignedJob]) -> None:
    job = probe()
    start(job)
    for _ in range(2):
        assert job.call("record_probe", storages=[FOUND], jobscript_log="==awt==\n").json() == {"state": "finished"}
    assert results(runtime) == [(True, False, "no room")]
    assert row(runtime, job).state is JobState.FINISHED
    assert start(job).status_code == 403


@pytest.mark.parametrize("storages", [[FOUND | {"rse": "OTHER"}], [FOUND, FOUND]])
def test_a_probe_reports_on_what_it_was_to_try(
    runtime: Runtime, probe: Callable[..., SignedJob], storages: list[Any]
) -> None:
    job = probe()
    start(job)
    assert job.call("record_probe", storages=storages).status_code == 400
    assert results(runtime) == []
    assert row(runtime, job).state is JobState.STARTED


def test_only_a_started_probe_has_something_to_report(
    runtime: Runtime, probe: Callable[..., SignedJob], calling: Calling
) -> None:
    job = probe()
    assert job.call("record_probe", storages=[FOUND]).status_code == 409
    start(job)
    job.call("job_aborted", reason="wrapper_error")
    assert job.call("record_probe", storages=[FOUND]).status_code == 403
    with runtime.session() as session:
        other = calling(make_job(session, make_stage(session)))
    assert other.call("record_probe", storages=[FOUND]).status_code == 409
    assert results(runtime) == []


def test_a_probe_that_starts_elsewhere_is_of_no_use(runtime: Runtime, probe: Callable[..., SignedJob]) -> None:
    job = probe()
    with runtime.session() as session:
        make_site(session, "CH_CERN")
    for _ in range(2):
        assert start(job, site_name="CH_CERN").status_code == 404
    found = row(runtime, job)
    assert (found.state, found.state_message) == (JobState.NOTUSED, "The probe of UK_Manchester started at CH_CERN.")


def test_a_probe_for_gpus_counts_at_its_own_entry_only(runtime: Runtime, probe: Callable[..., SignedJob]) -> None:
    job = probe(gpu_entry="GPU_ENTRY")
    assert start(job, entry_name="other").status_code == 404
    assert row(runtime, job).state_message == "The probe of GPU_ENTRY started at other."


def test_a_node_that_fails_all_jobs_does_not_speak_for_its_site(
    runtime: Runtime, probe: Callable[..., SignedJob]
) -> None:
    job = probe()
    with runtime.session() as session:
        until = datetime.now(UTC) + timedelta(hours=1)
        session.add(AvoidedNode(site_id=make_site(session), hostname="node1", until=until, failed_jobs=5))
    assert start(job).status_code == 404
    assert row(runtime, job).state is JobState.NOTUSED


def test_other_jobs_get_their_work_as_ever(runtime: Runtime, probe: Callable[..., SignedJob], calling: Calling) -> None:
    probe()
    with runtime.session() as session:
        other = calling(make_job(session))
    assert Jobscript.model_validate(start(other).json()).stage_id == 1

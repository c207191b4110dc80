"""Jobs, events, campaigns and places are shown, and only to programs on this machine."""

import getpass
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from httpx import Client

from engine.runtime import Runtime
from justin.schemas.views import (
    CampaignView,
    DistanceView,
    EntryView,
    EventView,
    JobView,
    Page,
    ProbeView,
    SiteView,
    StorageView,
)
from justin.states import FileState, JobState, ProbeState, WorkflowState
from models import distances, moves, seed
from models.jobs import JobLog
from models.moves import Reason
from models.places import ProbeResult
from models.workflows import Workflow
from services.api.loopback import is_loopback
from tests.support.makers import SITE, STORAGE, key, make_files, make_job, make_site, make_stage, make_workflow


def test_jobs_are_shown_with_stage_and_site(runtime: Runtime, api: Client) -> None:
    with runtime.session() as session:
        stage = make_stage(session)
        job = make_job(session, stage, state=JobState.PROCESSING)
        make_job(session, stage)
    shown = JobView.model_validate(api.get(f"/jobs/{job.jobsub_id}").json())
    assert (shown.stage_id, shown.site, shown.state, shown.inputs, shown.outputs) == (1, SITE, "processing", 0, 0)
    params: dict[str, Any] = {"workflow_id": stage.workflow_id, "state": "processing", "site": SITE, "stage_id": 1}
    page = Page[JobView].model_validate(api.get("/jobs", params=params).json())
    assert [view.jobsub_id for view in page.items] == [job.jobsub_id]
    assert api.get("/jobs", params={"site": "NOWHERE"}).json()["items"] == []
    assert api.get("/jobs/9.9@nowhere").json()["code"] == "not_found"


def test_logs_are_shown_as_they_were_written(runtime: Runtime, api: Client) -> None:
    with runtime.session() as session:
        job = make_job(session)
        assert job.job_id is not None
        session.add(JobLog(job_id=job.job_id, kind="jobscript", content=zlib.compress("é\n".encode()), size_bytes=3))
    (log,) = api.get(f"/jobs/{job.jobsub_id}/logs").json()
    assert (log["kind"], log["text"], log["size_bytes"]) == ("jobscript", "é\n", 3)
    assert api.get("/jobs/9.9@nowhere/logs").status_code == 404


def test_events_are_found_by_workflow_file_and_type(runtime: Runtime, api: Client) -> None:
    with runtime.session() as session:
        workflow = make_workflow(session)
        file, other = make_files(session, make_stage(session, workflow), 2)
        assert file.file_id is not None
        assert other.file_id is not None
        assert workflow.workflow_id is not None
        moves.move_files(session, [file.file_id, other.file_id], FileState.FAILED, Reason("alice", "bad"))
        moves.move_workflows(session, [workflow.workflow_id], WorkflowState.PAUSED, Reason("alice"))
    params: dict[str, Any] = {"workflow_id": workflow.workflow_id}
    assert len(api.get("/events", params=params).json()["items"]) == 3
    page = Page[EventView].model_validate(api.get("/events", params=params | {"did": file.did}).json())
    (event,) = page.items
    assert (event.event_type, event.did, event.stage_id, event.actor) == ("file_failed", file.did, 1, "alice")
    assert event.details == {"message": "bad"}
    paused = api.get("/events", params={"event_type": "workflow_paused"}).json()["items"]
    assert [item["workflow_id"] for item in paused] == [workflow.workflow_id]
    assert api.get("/events", params={"did": file.did}).status_code == 400


@pytest.mark.parametrize("oldest_first", [False, True])
def test_pages_of_events_hold_each_event_once_while_more_happen(
    runtime: Runtime, api: Client, oldest_first: bool
) -> None:
    with runtime.session() as session:
        workflow = make_workflow(session)
        files = make_files(session, make_stage(session, workflow), 5)
        moves.move_files(session, [file.file_id or 0 for file in files[:4]], FileState.FAILED, Reason("alice"))
    params: dict[str, Any] = {"workflow_id": workflow.workflow_id, "limit": 2, "oldest_first": oldest_first}
    first = Page[EventView].model_validate(api.get("/events", params=params).json())
    with runtime.session() as session:
        moves.move_files(session, [files[4].file_id or 0], FileState.FAILED, Reason("alice"))
    rest = Page[EventView].model_validate(
        api.get("/events", params=params | {"after": first.next_after, "limit": 9}).json()
    )
    dids = [event.did for event in (*first.items, *rest.items)]
    happened = [file.did for file in files]
    assert dids == (happened if oldest_first else happened[3::-1])
    assert rest.next_after is None


def test_campaigns_count_their_workflows(runtime: Runtime, api: Client) -> None:
    reply = api.post("/campaigns", json={"name": "spring", "description": "d"})
    made = CampaignView.model_validate(reply.json())
    assert (reply.status_code, made.name, made.workflows) == (201, "spring", {})
    with runtime.session() as session:
        for state in (WorkflowState.RUNNING, WorkflowState.RUNNING, WorkflowState.FINISHED):
            workflow: Workflow = make_workflow(session, state=state, campaign_id=made.campaign_id)
    assert workflow.campaign_id == made.campaign_id
    shown = api.get(f"/campaigns/{made.campaign_id}").json()
    assert shown["workflows"] == {"running": 2, "finished": 1}
    assert len(api.get("/campaigns").json()["items"]) == 1
    assert api.get("/campaigns/999999").status_code == 404


def test_places_are_shown(runtime: Runtime, api: Client) -> None:
    with runtime.session() as session:
        make_job(session, make_stage(session))
    assert [SiteView.model_validate(site).name for site in api.get("/sites").json()] == [SITE]
    storages = [StorageView.model_validate(storage) for storage in api.get("/storages").json()]
    assert [(storage.name, storage.writable) for storage in storages] == [("MANCHESTER", True), ("MONTECARLO", False)]


def test_entries_and_distances_are_shown_by_site(runtime: Runtime, api: Client) -> None:
    with runtime.session() as session:
        site_id = make_site(session)
        make_site(session, "CH_CERN", distances={STORAGE: 90})
        seed.ensure_entry(
            session, "MAN_ce1", site_id, gpus=2, inner_container=True, inner_container_jobsub_id="1.0@pool"
        )
        seed.ensure_entry(session, "MAN_ce2", site_id, enabled=False)
    shown = {site["name"]: SiteView.model_validate(site) for site in api.get("/sites").json()}
    counts = (shown[SITE].entries, shown[SITE].gpu_entries, shown[SITE].container_entries)
    assert (counts, shown["CH_CERN"].entries) == ((1, 1, 1), 0)
    entries = [EntryView.model_validate(entry) for entry in api.get("/entries", params={"site": SITE}).json()]
    assert [(entry.name, entry.inner_container, entry.inner_container_jobsub_id) for entry in entries] == [
        ("MAN_ce1", True, "1.0@pool"),
        ("MAN_ce2", None, ""),
    ]
    assert api.get("/entries", params={"site": "CH_CERN"}).json() == []
    (distance,) = api.get("/distances", params={"site": "CH_CERN", "rse": STORAGE}).json()
    assert (distance["distance"], distance["by_hand"], distance["by_rule"]) == (90, False, None)
    assert len(api.get("/distances").json()) == 4


@pytest.fixture
def as_administrator(runtime: Runtime) -> Iterator[None]:
    administrators = runtime.settings.api.administrators
    administrators.append(getpass.getuser())
    yield
    administrators.clear()


@pytest.mark.usefixtures("as_administrator")
def test_a_distance_set_by_hand_stays_until_it_is_given_back(runtime: Runtime, api: Client) -> None:
    with runtime.session() as session:
        site_id = make_site(session)
        pair = distances.RuledDistance(site_id, seed.ensure_storage(session, STORAGE), 20)
        distances.put(session, [pair])

    def change(distance: int | None) -> tuple[int, bool, int | None]:
        reply = api.post("/distances", json={"site": SITE, "rse": STORAGE, "distance": distance, "reason": "slow"})
        (shown,) = [DistanceView.model_validate(each) for each in reply.json()]
        with runtime.session() as session:
            distances.put(session, [replace(pair, distance=30 if distance == 101 else 20)])
        return shown.distance, shown.by_hand, shown.by_rule

    assert [change(101), change(101), change(None), change(None)] == [
        (101, True, 20),
        (101, True, 30),
        (30, False, 30),
        (20, False, 20),
    ]
    events = Page[EventView].model_validate(api.get("/events?event_type=distance_changed&oldest_first=true").json())
    told = [{"message": "slow"} | (event.details or {}) for event in events.items]
    assert [(each["from"], each["to"], each["by_hand"], each["message"]) for each in told] == [
        (20, 101, True, "slow"),
        (101, 30, False, "slow"),
    ]
    assert {(event.site, event.rse, event.actor) for event in events.items} == {(SITE, STORAGE, getpass.getuser())}


@pytest.mark.usefixtures("as_administrator")
def test_only_known_places_and_real_distances_are_taken(api: Client) -> None:
    def status(**change: Any) -> int:
        return api.post("/distances", json={"site": SITE, "rse": STORAGE, "distance": 1} | change).status_code

    assert (status(site="NOSUCH"), status(distance=102), status(distance=-1), status(distance=None)) == (
        404,
        400,
        400,
        404,
    )


def test_who_is_no_administrator_sets_no_distance(api: Client) -> None:
    refused = api.post("/distances", json={"site": SITE, "rse": STORAGE, "distance": 1})
    assert (refused.status_code, "that takes the admin" in refused.text) == (403, True)


def test_what_probes_found_is_shown_by_site_and_storage(runtime: Runtime, api: Client) -> None:
    with runtime.session() as session:
        site_id = make_site(session, distances={STORAGE: 0, "OTHER": 10})
        make_site(session, "CH_CERN", distances={STORAGE: 90})
        job = make_job(session, is_probe=True, state=JobState.FINISHED)
        storage_id = seed.ensure_storage(session, STORAGE)
        session.add(
            ProbeResult(job_id=key(job.job_id), storage_id=storage_id, site_id=site_id, read_ok=True, write_ok=False)
        )
    assert len(api.get("/probes").json()) == 3
    (found,) = api.get("/probes", params={"site": SITE, "rse": STORAGE}).json()
    shown = ProbeView.model_validate(found)
    assert (shown.state, shown.jobsub_id, shown.offered_for_writing) == (ProbeState.READ_ONLY, job.jobsub_id, True)
    (other,) = api.get("/probes", params={"site": "CH_CERN"}).json()
    assert (other["state"], other["at"], other["jobsub_id"]) == ("no_result", None, None)


def test_the_preview_of_a_monte_carlo_count_asks_nobody(api: Client) -> None:
    reply = api.post("/queries/preview", json={"mql": "monte-carlo 12"}).json()
    assert (reply["count"], reply["sample"]) == (12, [])


def test_the_service_says_who_calls_and_what_time_it_is(api: Client) -> None:
    assert api.get("/whoami").json()["user"]
    assert api.get("/time").json()["time"].endswith("Z")
    assert api.get("/version").json()["version"]
    assert api.get(f"{api.base_url.copy_with(path='/health')}").json() == {"status": "ok"}


@pytest.mark.parametrize(
    "headers", [{"Host": "justin.evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": ""}]
)
def test_a_web_page_of_another_site_is_refused(api: Client, headers: dict[str, str]) -> None:
    reply = api.get("/whoami", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (403, "not_allowed")


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_loopback_is_known(host: str, here: bool) -> None:
    assert is_loopback(host) is here


@pytest.mark.parametrize(
    "path",
    [
        "/workflows/99999999999",
        "/workflows/0",
        "/workflows?limit=0",
        "/workflows?after=99999999999999999999",
        "/jobs/%00",
    ],
)
def test_what_the_database_could_not_take_is_refused(api: Client, path: str) -> None:
    reply: httpx.Response = api.get(path)
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_input")


def test_an_unknown_address_is_a_problem_too(api: Client) -> None:
    reply = api.get("/nothing")
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    reply = api.delete("/workflows")
    assert (reply.status_code, reply.json()["code"]) == (405, "method_not_allowed")
    assert reply.headers["allow"]

"""Whatever a person does through the API is told: who, from what to what, why, and by which way."""

import getpass
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from httpx import Client as Http

from engine.runtime import Runtime
from justin.client import Client
from justin.schemas.specs import WorkflowSpec
from justin.schemas.views import EventView
from justin.states import FileState, Source, WorkflowState
from models.queries import events
from models.queries.events import EventFilter
from services.api.app import create_app
from tests.support.makers import SITE, STORAGE, key, make_files, make_site, make_stage, make_workflow

STAGE = {"jobscript": "#!/bin/sh\n", "rss_mib": 2000, "wall_seconds": 3600}
SPEC: dict[str, Any] = {"mql": "monte-carlo 3", "stages": [STAGE]}
TRIED_ELSEWHERE = {"/api/v1/code/{sha256}"}
"""Its body is a file: see tests/justin/test_code_uploads.py."""

CHANGES_NOTHING = {"/api/v1/queries/preview"}
WHY: dict[str, Any] = {"reason": "because"}
MINE = "/workflows/{}"
GOOD_UNTIL = "2999-01-01T00:00:00+00:00"
TOKEN: dict[str, Any] = {"token": "very-secret", "expires_at": GOOD_UNTIL}

Told = tuple[str, Any, Any, str]
"""The type of an event; from what, to what, and why."""

ACTS: dict[str, tuple[WorkflowState, dict[str, Any], list[Told]]] = {
    "/campaigns": (WorkflowState.DRAFT, {"name": "c"}, [("campaign_created", None, None, "")]),
    "/workflows": (
        WorkflowState.DRAFT,
        SPEC,
        [("workflow_created", None, None, ""), ("stage_created", None, None, "")],
    ),
    MINE + "/stages": (
        WorkflowState.DRAFT,
        {"stage": STAGE},
        [("stage_created", None, None, "")],
    ),
    MINE + "/submit": (
        WorkflowState.DRAFT,
        WHY,
        [
            ("workflow_submitted", "draft", "submitted", "because"),
            ("workflow_started", "submitted", "running", "because"),
        ],
    ),
    MINE + "/pause": (WorkflowState.RUNNING, WHY, [("workflow_paused", "running", "paused", "because")]),
    MINE + "/restart": (WorkflowState.PAUSED, WHY, [("workflow_restarted", "paused", "running", "because")]),
    MINE + "/finish": (WorkflowState.RUNNING, WHY, [("workflow_cancelled", "running", "cancelling", "because")]),
    MINE + "/files/fail": (WorkflowState.RUNNING, WHY, [("file_failed", "unallocated", "failed", "because")]),
    MINE + "/files/retry": (WorkflowState.PAUSED, WHY, [("file_retried", "failed", "finding", "because")]),
    MINE + "/check": (
        WorkflowState.RUNNING,
        WHY,
        [("integrity_asked", "unknown", "being checked", "because")],
    ),
    "/scratch-token": (WorkflowState.DRAFT, TOKEN | WHY, [("scratch_access_given", None, GOOD_UNTIL, "because")]),
    "/scratch-token/forget": (
        WorkflowState.DRAFT,
        WHY,
        [("scratch_access_withdrawn", GOOD_UNTIL, None, "because")],
    ),
    "/distances": (
        WorkflowState.DRAFT,
        {"site": SITE, "rse": STORAGE, "distance": 7, **WHY},
        [("distance_changed", 0, 7, "because")],
    ),
}


@pytest.fixture
def _as_administrator(runtime: Runtime) -> Iterator[None]:
    administrators = runtime.settings.api.administrators
    administrators.append(getpass.getuser())
    yield
    administrators.clear()


@pytest.fixture
def workflow_id(runtime: Runtime, api: Http, request: pytest.FixtureRequest) -> int:
    """A workflow of the caller, in a state, with a file that has failed and, where there are stages, one that waits."""
    state = request.param
    with runtime.session() as session:
        make_site(session)
        workflow = make_workflow(session, user=getpass.getuser(), state=state, mql="monte-carlo 3")
        if state is not WorkflowState.DRAFT:
            stage = make_stage(session, workflow)
            waits = FileState.FAILED if state is WorkflowState.PAUSED else FileState.UNALLOCATED
            make_files(session, stage, state=waits)
        return key(workflow.workflow_id)


def told(runtime: Runtime) -> list[EventView]:
    with runtime.session() as session:
        wanted = EventFilter(user=getpass.getuser())
        return events.list_events(session, wanted, 100, oldest_first=True)


def cells(event: EventView) -> Told:
    details = event.details or {}
    return event.event_type, details.get("from"), details.get("to"), details.get("message", "")


def test_every_route_that_changes_something_is_tried_here(runtime: Runtime) -> None:
    paths = create_app(runtime).openapi()["paths"]
    tried = {f"/api/v1{path.replace('{}', '{workflow_id}')}" for path in ACTS}
    assert {
        path for path, methods in paths.items() if set(methods) - {"get"}
    } == tried | CHANGES_NOTHING | TRIED_ELSEWHERE


@pytest.fixture
def _keeps_tokens(runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keys").write_bytes(Fernet.generate_key())
    monkeypatch.setattr(runtime.settings.scratch, "key_file", tmp_path / "keys")


@pytest.mark.usefixtures("_as_administrator", "_keeps_tokens")
@pytest.mark.parametrize(
    ("path", "workflow_id"), [(path, state) for path, (state, _, _) in ACTS.items()], indirect=["workflow_id"]
)
@pytest.mark.parametrize("source", Source)
def test_an_act_is_told(runtime: Runtime, api: Http, path: str, workflow_id: int, source: Source) -> None:
    _, body, expected = ACTS[path]
    if path.endswith("/submit"):
        api.post(f"/workflows/{workflow_id}/stages", json={"stage": STAGE})
    if path.endswith("/forget"):
        api.post("/scratch-token", json=TOKEN)
    before = len(told(runtime))
    reply = api.post(path.format(workflow_id), json=body, headers={"Justin-Source": source.value})
    assert reply.is_success, reply.text
    found = told(runtime)[before:]
    assert [cells(event) for event in found] == expected
    assert {(event.actor, event.source) for event in found} == {(getpass.getuser(), source)}


@pytest.mark.parametrize(("header", "source"), [({}, "api"), ({"Justin-Source": "moon"}, "api")])
def test_who_does_not_say_it_comes_through_the_api(
    runtime: Runtime, api: Http, header: dict[str, str], source: str
) -> None:
    api.post("/campaigns", json={"name": "c"}, headers=header)
    assert [event.source for event in told(runtime)] == [source]


def test_a_client_says_what_it_is(runtime: Runtime, api: Http, api_url: str) -> None:
    for source in Source:
        with Client(api_url, source=source) as client:
            client.create_workflow(WorkflowSpec.model_validate(SPEC))
    assert [event.source for event in told(runtime)] == [each for each in Source for _ in range(2)]


@pytest.mark.usefixtures("_as_administrator")
@pytest.mark.parametrize("workflow_id", [WorkflowState.RUNNING], indirect=True)
def test_events_are_found_by_each_filter(runtime: Runtime, api: Http, workflow_id: int) -> None:
    api.post(f"/workflows/{workflow_id}/pause")
    api.post("/distances", json={"site": SITE, "rse": STORAGE, "distance": 7})

    def types(**filters: str) -> list[str]:
        reply = api.get("/events", params={**filters, "oldest_first": True})
        assert reply.is_success, reply.text
        return [item["event_type"] for item in reply.json()["items"]]

    both = ["workflow_paused", "distance_changed"]
    paused, changed = (each.time for each in told(runtime))
    assert types(user=getpass.getuser()) == both
    assert types(user="allocator") == []
    assert types(site=SITE) == types(rse=STORAGE) == types(site=SITE, rse=STORAGE) == both[1:]
    assert types(site="NOSUCH") == types(rse="NOSUCH") == types(entry="NOSUCH") == []
    assert types(since=paused.isoformat()) == both
    assert types(since=changed.isoformat()) == both[1:]
    assert types(until=changed.isoformat()) == both[:1]
    assert types(since=paused.isoformat(), until=paused.isoformat()) == []
    assert types(since="2100-01-01T00:00:00Z") == types(until="2000-01-01T00:00:00Z") == []
    assert api.get("/events", params={"since": "2026-01-01T00:00:00"}).status_code == 400

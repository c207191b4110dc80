"""Files, copies and datasets are listed page by page, failed and retried."""

from typing import Any

import pytest
from httpx import Client

from engine.runtime import Runtime
from justin.schemas.views import FileView, Page, ReplicaView
from justin.states import FileState, WorkflowState
from models.files import Dataset
from models.workflows import Stage, Workflow
from tests.support.makers import make_files, make_job, make_output_pattern, make_stage, make_workflow


@pytest.fixture
def workflow(runtime: Runtime, api: Client) -> Workflow:
    """A running workflow of the caller."""
    user = api.get("/whoami").json()["user"]
    with runtime.session() as session:
        return make_workflow(session, user=user)


def pages(api: Client, path: str, **parameters: Any) -> list[list[str]]:
    """The DIDs of every page."""
    found, after = [], None
    while True:
        query = {name: value for name, value in (parameters | {"after": after}).items() if value is not None}
        reply = api.get(path, params=query)
        assert reply.status_code == 200, reply.text
        page = Page[Any].model_validate(reply.json())
        found.append([item["did"] for item in page.items])
        after = page.next_after
        if after is None:
            return found


def test_files_come_stage_by_stage_then_outputs_in_pages(runtime: Runtime, api: Client, workflow: Workflow) -> None:
    with runtime.session() as session:
        first, second = (make_stage(session, workflow, stage_number=number) for number in (1, 2))
        pattern = make_output_pattern(session, first)
        creator = make_job(session, first).job_id
        inputs = sorted(file.did for file in make_files(session, first, 5))
        passed = sorted(file.did for file in make_files(session, second, 2, creator_job_id=creator))
        made: dict[str, Any] = {"creator_job_id": creator, "stage_id": None, "output_id": pattern.output_id}
        kept = sorted(file.did for file in make_files(session, first, 3, state=FileState.OUTPUT, **made))
        make_files(session, first, 2, state=FileState.DROPPED, **made)
        make_files(session, make_stage(session), 2)
    found = pages(api, f"/workflows/{workflow.workflow_id}/files", limit=3)
    assert [len(page) for page in found] == [3, 3, 3, 1]
    assert [did for page in found for did in page] == inputs + passed + kept


def test_files_are_filtered(runtime: Runtime, api: Client, workflow: Workflow) -> None:
    with runtime.session() as session:
        stage = make_stage(session, workflow)
        make_files(session, stage, 2)
        (failed,) = make_files(session, stage, 1, state=FileState.FAILED)
    path = f"/workflows/{workflow.workflow_id}/files"
    assert pages(api, path, state="failed") == pages(api, path, did=failed.did) == [[failed.did]]
    assert len(pages(api, path, stage_id=1)[0]) == 3
    assert pages(api, path, stage_id=2) == [[]]
    view = FileView.model_validate(api.get(path, params={"did": failed.did}).json()["items"][0])
    assert (view.stage_id, view.state, view.jobsub_id) == (1, "failed", None)


def test_replicas_are_listed_whole_files_at_a_time(runtime: Runtime, api: Client, workflow: Workflow) -> None:
    with runtime.session() as session:
        files = make_files(session, make_stage(session, workflow), 3, storages=("MANCHESTER", "CERN"))
    found = pages(api, f"/workflows/{workflow.workflow_id}/replicas", limit=2)
    dids = sorted(file.did for file in files)
    assert found == [[dids[0], dids[0], dids[1], dids[1]], [dids[2], dids[2]]]
    reply = api.get(f"/workflows/{workflow.workflow_id}/replicas", params={"did": dids[0]}).json()
    assert [ReplicaView.model_validate(item).rse for item in reply["items"]] == ["CERN", "MANCHESTER"]


def test_datasets_are_listed(runtime: Runtime, api: Client, workflow: Workflow) -> None:
    with runtime.session() as session:
        pattern = make_output_pattern(session, make_stage(session, workflow))
        assert workflow.workflow_id is not None
        assert pattern.output_id is not None
        dataset = Dataset(
            scope="usertests",
            name="w1s1p1",
            kind="destination",
            workflow_id=workflow.workflow_id,
            stage_id=pattern.stage_id,
            output_id=pattern.output_id,
            files=3,
        )
        session.add(dataset)
    (shown,) = api.get(f"/workflows/{workflow.workflow_id}/datasets").json()
    assert (shown["did"], shown["stage_id"], shown["pattern_id"], shown["files"]) == (
        "usertests:w1s1p1",
        1,
        1,
        3,
    )


def test_failed_files_are_retried(runtime: Runtime, api: Client, workflow: Workflow) -> None:
    with runtime.session() as session:
        stage = make_stage(session, workflow)
        make_files(session, stage, 3)
        (chosen,) = make_files(session, stage, 1)
        make_files(session, stage, 1, state=FileState.PROCESSED)
    path = f"/workflows/{workflow.workflow_id}/files"
    assert api.post(f"{path}/fail", json={"dids": [chosen.did]}).json() == {"moved": 1}
    assert api.post(f"{path}/fail", json={"stage_id": 1}).json() == {"moved": 3}
    assert api.post(f"{path}/fail", json={}).json() == {"moved": 0}
    assert len(pages(api, path, state="failed")[0]) == 4
    assert api.post(f"{path}/retry", json={"dids": [chosen.did]}).json() == {"moved": 1}
    assert pages(api, path, state="finding") == [[chosen.did]]
    assert api.post(f"{path}/fail", json={"stage_id": 7}).status_code == 404


def test_a_retry_brings_a_finishing_workflow_back(runtime: Runtime, api: Client, workflow: Workflow) -> None:
    with runtime.session() as session:
        make_files(session, make_stage(session, workflow), 1, state=FileState.FAILED)
        session.get_one(Workflow, workflow.workflow_id).state = WorkflowState.FINISHING
    path = f"/workflows/{workflow.workflow_id}"
    assert api.post(f"{path}/files/retry", json={}).json() == {"moved": 1}
    assert api.get(path).json()["state"] == "running"


def test_files_of_a_finished_workflow_are_not_retried(runtime: Runtime, api: Client, workflow: Workflow) -> None:
    with runtime.session() as session:
        session.get_one(Workflow, workflow.workflow_id).state = WorkflowState.FINISHED
    reply = api.post(f"/workflows/{workflow.workflow_id}/files/retry", json={})
    assert reply.json()["code"] == "wrong_state"


@pytest.mark.parametrize("act", ["files/fail", "files/retry", "pause", "submit", "finish"])
def test_another_persons_workflow_is_not_touched(runtime: Runtime, api: Client, act: str) -> None:
    with runtime.session() as session:
        foreign = make_workflow(session, user="mallory")
        stage: Stage = make_stage(session, foreign)
        make_files(session, stage, 1)
    reply = api.post(f"/workflows/{foreign.workflow_id}/{act}", json={})
    assert (reply.status_code, reply.json()["code"]) == (403, "not_allowed")

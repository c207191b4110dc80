"""Workflows are made, steered and shown through the API."""

from typing import Any

import pytest
from httpx import Client

from justin.schemas.views import EventView, Page, Problem, StageView, WorkflowView

STAGE: dict[str, Any] = {"jobscript": "#!/bin/sh\nexit 0\n"}
PASSING: dict[str, Any] = STAGE | {"outputs": [{"pattern": "*.root", "for_next_stage": True, "lifetime_days": 1}]}


def spec(**values: Any) -> dict[str, Any]:
    return {"mql": "monte-carlo 3", "stages": [STAGE]} | values


def create(api: Client, *, submit: bool = False, key: str = "", **values: Any) -> WorkflowView:
    reply = api.post("/workflows", params={"submit": submit}, json=spec(**values), headers={"Idempotency-Key": key})
    assert reply.status_code == 201, reply.text
    return WorkflowView.model_validate(reply.json())


def act(api: Client, workflow_id: int, word: str) -> WorkflowView:
    reply = api.post(f"/workflows/{workflow_id}/{word}", json={"reason": "because"})
    assert reply.status_code == 200, reply.text
    return WorkflowView.model_validate(reply.json())


def refused(api: Client, status: int = 400, /, **values: Any) -> Problem:
    reply = api.post("/workflows", json=spec(**values))
    assert reply.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(reply.json())
    assert reply.status_code == problem.status == status, reply.text
    assert api.get("/workflows").json()["items"] == [], "nothing is stored"
    return problem


def events(api: Client, workflow_id: int) -> list[str]:
    page = Page[EventView].model_validate(
        api.get("/events", params={"workflow_id": workflow_id, "oldest_first": True}).json()
    )
    return [event.event_type for event in page.items]


def test_a_draft_is_stored_as_it_was_given(api: Client) -> None:
    gpus = {"count": 2, "min_memory_mib": 1000, "min_capability": 7.5}
    stage = STAGE | {"environment": {"A": "x y\n$(z)"}, "rss_mib": 3000, "gpus": gpus, "wall_seconds": 60}
    made = create(api, name="n", description="d", stages=[stage], priority=70)
    assert (made.state, made.name, made.priority, made.mql) == ("draft", "n", 70, "monte-carlo 3")
    shown = made.stages[0]
    assert (shown.environment, shown.rss_bytes, shown.gpus) == ({"A": "x y\n$(z)"}, 3000 << 20, 2)
    assert events(api, made.workflow_id) == ["workflow_created", "stage_created"]


def test_a_submitted_workflow_runs_at_once(api: Client) -> None:
    made = create(api, submit=True)
    assert made.state == "running"
    assert events(api, made.workflow_id)[-2:] == ["workflow_submitted", "workflow_started"]


def test_outputs_are_numbered_with_those_for_the_next_stage_last(api: Client) -> None:
    passing = {"pattern": "*.root", "for_next_stage": True, "lifetime_days": 0.5}
    kept = {"pattern": "*.txt", "destination": "mine", "lifetime_days": 1, "rse_expression": "A|B"}
    made = create(api, stages=[STAGE | {"outputs": [passing, kept]}, STAGE])
    first, second = made.stages[0].outputs
    assert (first.pattern_id, first.pattern, first.lifetime_seconds) == (1, "*.txt", 86_400)
    assert (second.pattern_id, second.for_next_stage, second.lifetime_seconds) == (2, True, 43_200)
    assert first.dataset == f"usertests:mine-w{made.workflow_id}s1p1"


def test_the_same_key_finds_the_workflow_again(api: Client) -> None:
    assert create(api, key="once").workflow_id == create(api, key="once").workflow_id
    assert create(api, key="twice").workflow_id != create(api, key="once").workflow_id
    other = api.post("/workflows", json=spec(name="other"), headers={"Idempotency-Key": "once"})
    assert (other.status_code, other.json()["code"]) == (409, "wrong_state")


def test_a_draft_grows_by_stages_and_is_submitted(api: Client) -> None:
    made = create(api, stages=[])
    for stage in (PASSING, STAGE):
        reply = api.post(f"/workflows/{made.workflow_id}/stages", json={"stage": stage})
        assert reply.status_code == 201, reply.text
    assert StageView.model_validate(reply.json()).stage_id == 2
    assert act(api, made.workflow_id, "submit").state == "running"
    assert act(api, made.workflow_id, "submit").state == "running", "a repeated submission changes nothing"
    late = api.post(f"/workflows/{made.workflow_id}/stages", json={"stage": STAGE})
    assert late.json()["code"] == "wrong_state"


@pytest.mark.parametrize(("stages", "words"), [([], "at least one stage"), ([PASSING], "there is none")])
def test_a_draft_that_cannot_work_is_not_submitted(api: Client, stages: list[Any], words: str) -> None:
    made = create(api, stages=[])
    for stage in stages:
        api.post(f"/workflows/{made.workflow_id}/stages", json={"stage": stage})
    reply = api.post(f"/workflows/{made.workflow_id}/submit")
    assert reply.status_code == 400
    assert words in reply.json()["detail"]


def test_a_stage_that_would_wait_for_ever_is_not_added(api: Client) -> None:
    made = create(api)
    reply = api.post(f"/workflows/{made.workflow_id}/stages", json={"stage": STAGE})
    assert "Stage 1 has no output for the next stage" in reply.json()["detail"]


def test_pausing_and_restarting(api: Client) -> None:
    made = create(api, submit=True)
    paused = act(api, made.workflow_id, "pause")
    assert (paused.state, paused.state_message) == ("paused", "because")
    assert act(api, made.workflow_id, "pause").state == "paused"
    assert act(api, made.workflow_id, "restart").state == "running"
    assert act(api, made.workflow_id, "finish").state == "cancelling"
    assert act(api, made.workflow_id, "finish").state == "cancelling"
    expected = ["workflow_paused", "workflow_restarted", "workflow_cancelled"]
    assert events(api, made.workflow_id)[-3:] == expected


@pytest.mark.parametrize("word", ["pause", "restart"])
def test_a_draft_is_neither_paused_nor_restarted(api: Client, word: str) -> None:
    made = create(api)
    reply = api.post(f"/workflows/{made.workflow_id}/{word}")
    assert (reply.status_code, reply.json()["code"]) == (409, "wrong_state")
    assert "is draft" in reply.json()["detail"]


def test_lists_are_filtered_and_paged(api: Client) -> None:
    made = [create(api, submit=number == 1).workflow_id for number in range(3)]
    first = Page[WorkflowView].model_validate(api.get("/workflows", params={"limit": 2}).json())
    assert [view.workflow_id for view in first.items] == [made[2], made[1]]
    second = api.get("/workflows", params={"limit": 2, "after": first.next_after}).json()
    assert [view["workflow_id"] for view in second["items"]] == [made[0]]
    assert second["next_after"] is None
    running = api.get("/workflows", params={"state": "running", "scope": "usertests"}).json()
    assert [view["workflow_id"] for view in running["items"]] == [made[1]]
    assert api.get("/workflows", params={"user": "nobody"}).json()["items"] == []


def test_an_unknown_workflow_is_not_found(api: Client) -> None:
    for path in ("", "/stages", "/stages/1", "/stages/1/jobscript", "/files", "/replicas", "/datasets"):
        reply = api.get(f"/workflows/{2**30}{path}")
        assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


def test_an_empty_jobscript_is_refused(api: Client) -> None:
    for jobscript in ("", " \n"):
        assert "give a jobscript that is not empty" in refused(api, stages=[{"jobscript": jobscript}]).detail


def test_a_jobscript_without_an_interpreter_is_refused(api: Client) -> None:
    assert "'#!'" in refused(api, stages=[{"jobscript": "echo hello"}]).detail


def test_a_jobscript_of_ten_megabytes_is_refused(api: Client) -> None:
    problem = refused(api, stages=[{"jobscript": "#!/bin/sh\n" + "#" * 10_000_000}])
    assert "larger than 1048576 bytes" in problem.detail
    assert len(problem.detail) < 1000, "what was sent is not sent back"


def test_a_pattern_with_a_slash_is_refused(api: Client) -> None:
    problem = refused(api, stages=[STAGE | {"outputs": [{"pattern": "../*.root", "lifetime_days": 1}]}])
    assert problem.errors[0]["field"] == "stages[1].outputs[1].pattern"
    assert "matched in the workspace itself" in problem.detail


def test_a_negative_wall_time_is_refused(api: Client) -> None:
    problem = refused(api, stages=[STAGE | {"wall_seconds": -1}])
    assert "stages[1].wall_seconds must be at least 1" in problem.detail


def test_an_unknown_scope_is_refused(api: Client) -> None:
    assert "no scope nosuch" in refused(api, scope="nosuch").detail


def test_unknown_places_are_refused(api: Client) -> None:
    assert "no site NOSUCH" in refused(api, stages=[STAGE | {"sites": ["NOSUCH"]}]).detail
    assert "no storage NOSUCH" in refused(api, stages=[STAGE | {"output_rses": ["NOSUCH"]}]).detail


def test_refinding_that_is_over_is_refused(api: Client) -> None:
    assert "is in the past" in refused(api, refind_until="2020-01-01T00:00:00Z").detail


def test_more_inputs_than_the_quota_allows_are_refused(api: Client) -> None:
    assert "allows for a workflow (10000)" in refused(api, mql="monte-carlo 10001").detail


@pytest.mark.parametrize("mql", ["files from usertests:raw", "rucio-dataset usertests:raw"])
def test_nothing_is_stored_when_a_catalogue_does_not_answer(api: Client, mql: str) -> None:
    problem = refused(api, 503, mql=mql)
    assert problem.code == "unavailable"


@pytest.mark.parametrize("mql", ["", "monte-carlo", "monte-carlo 0", "rucio-dataset nocolon", "nul\x00"])
def test_a_text_of_no_known_form_is_refused(api: Client, mql: str) -> None:
    assert refused(api, mql=mql).errors[0]["field"] == "mql"


def test_a_misspelt_field_is_refused(api: Client) -> None:
    assert "wall_second" in refused(api, stages=[STAGE | {"wall_second": 5}]).detail


def test_what_is_no_json_is_refused(api: Client) -> None:
    reply = api.post("/workflows", content=b"{", headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_input")

"""The server in memory behaves as the API does, and the client speaks to both alike."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from engine.runtime import Runtime
from justin import CampaignSpec, Client, EventType, OutputSpec, Patience, StageSpec, WorkflowSpec, WorkflowState, errors
from justin.schemas.specs import DistanceChange
from justin.testing import MockServer
from justin.testing.routes import ROUTES
from justin.transport import API
from services.api.app import create_app
from tests.support.makers import make_scope
from tests.support.serving import serving

SCRIPT = "#!/bin/sh\nexit 0\n"
FIRST = StageSpec(jobscript=SCRIPT, outputs=[OutputSpec(pattern="*.root", for_next_stage=True, lifetime_days=1)])
LAST = StageSpec(
    jobscript=SCRIPT,
    processors=2,
    environment={"A": "b"},
    outputs=[OutputSpec(pattern="all.root", destination="mine", lifetime_days=7)],
)
ONCE = Patience(tries=1)


@pytest.fixture(params=["mock", "api"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    if request.param == "mock":
        with MockServer().client(ONCE) as client:
            yield client
        return
    runtime: Runtime = request.getfixturevalue("runtime")
    with runtime.session() as session:
        make_scope(session)
    with serving(create_app(runtime)) as url, Client(url, patience=ONCE) as client:
        yield client


def chain() -> WorkflowSpec:
    return WorkflowSpec(name="chain", description="two stages", mql="monte-carlo 3", stages=[FIRST, LAST])


def test_they_have_the_same_routes(runtime: Runtime) -> None:
    in_api = {
        (method, re.sub(r"\{\w+\}", "*", path))
        for path, methods in create_app(runtime).openapi()["paths"].items()
        if path.startswith(API)
        for method in (each.upper() for each in methods)
    }
    in_mock = {
        (method, API + re.sub(r"\([^)]+\)", "*", route))
        for method, pattern, _ in ROUTES
        for route in _expanded(pattern)
    }

    assert in_mock == in_api


def _expanded(pattern: str) -> Iterator[str]:
    """Yield a route for each act that its pattern names."""
    found = re.search(r"\(([a-z|]+)\)", pattern)
    if found is None:
        yield pattern
    else:
        yield from (pattern.replace(found[0], act) for act in found[1].split("|"))


def test_a_draft_grows_and_is_submitted(client: Client) -> None:
    draft = client.create_workflow(WorkflowSpec(mql="monte-carlo 3"))
    assert (draft.state, draft.submitted_at, draft.stages) == (WorkflowState.DRAFT, None, [])
    assert client.add_stage(draft.workflow_id, FIRST).stage_id == 1
    second = client.add_stage(draft.workflow_id, LAST)

    assert (second.stage_id, second.processors, second.environment) == (2, 2, {"A": "b"})
    assert second.max_distance == 100
    submitted = client.submit_workflow(draft.workflow_id)
    assert submitted.state is WorkflowState.RUNNING
    assert submitted.submitted_at is not None


def test_a_draft_without_stages_is_not_submitted(client: Client) -> None:
    draft = client.create_workflow(WorkflowSpec(mql="monte-carlo 3"))

    with pytest.raises(errors.Refused, match="stage"):
        client.submit_workflow(draft.workflow_id)


def test_a_stage_is_added_to_drafts_only(client: Client) -> None:
    made = client.create_workflow(chain(), submit=True)

    with pytest.raises(errors.WrongState):
        client.add_stage(made.workflow_id, LAST)


def test_what_is_shown_of_a_workflow(client: Client) -> None:
    made = client.create_workflow(chain(), submit=True)

    shown = client.workflow(made.workflow_id)
    assert (shown.name, shown.description, shown.scope, shown.mql) == (
        "chain",
        "two stages",
        "usertests",
        "monte-carlo 3",
    )
    assert shown.stages == client.stages(made.workflow_id)
    assert shown.stages[1] == client.stage(made.workflow_id, 2)
    assert client.jobscript(made.workflow_id, 1) == SCRIPT
    (output,) = client.outputs(made.workflow_id, 2)
    assert (output.pattern_id, output.pattern, output.lifetime_seconds, output.files) == (1, "all.root", 604_800, 0)
    assert output.dataset == f"usertests:mine-w{made.workflow_id}s2p1"
    assert client.datasets(made.workflow_id) == []


def test_a_key_makes_one_workflow(client: Client) -> None:
    first, second = (client.create_workflow(chain(), submit=True, idempotency_key="once") for _ in range(2))

    assert first.workflow_id == second.workflow_id
    assert len(list(client.workflows())) == 1


def test_states_may_be_asked_for_twice(client: Client) -> None:
    number = client.create_workflow(chain(), submit=True).workflow_id

    assert {client.submit_workflow(number).state for _ in range(2)} == {WorkflowState.RUNNING}
    assert {client.pause_workflow(number, "disk full").state for _ in range(2)} == {WorkflowState.PAUSED}
    assert {client.restart_workflow(number).state for _ in range(2)} == {WorkflowState.RUNNING}


def test_a_draft_cannot_be_restarted(client: Client) -> None:
    draft = client.create_workflow(chain())

    with pytest.raises(errors.WrongState, match="draft"):
        client.restart_workflow(draft.workflow_id)


def test_what_is_not_there_is_not_found(client: Client) -> None:
    number = client.create_workflow(chain()).workflow_id
    for ask in (
        lambda: client.workflow(99),
        lambda: client.pause_workflow(99),
        lambda: client.explain(99),
        lambda: client.diff(number, 99),
        lambda: list(client.files(99)),
        lambda: client.stage(number, 3),
        lambda: client.jobscript(number, 3),
        lambda: client.job("1.0@nowhere"),
        lambda: client.job_logs("1.0@nowhere"),
        lambda: client.campaign(99),
    ):
        with pytest.raises(errors.NotFound):
            ask()


def test_why_files_wait_is_told_stage_by_stage(client: Client) -> None:
    number = client.create_workflow(chain()).workflow_id

    assert [stage.stage_id for stage in client.explain(number).stages] == [1, 2]
    (second,) = client.explain(number, stage_id=2).stages
    assert (second.stage_id, second.waiting_files, second.changes, second.places) == (2, 0, [], [])
    assert second.answer
    wrong: list[dict[str, Any]] = [{"stage_id": 3}, {"site": "NOWHERE"}, {"did": "usertests:none"}]
    for options in wrong:
        with pytest.raises(errors.NotFound):
            client.explain(number, **options)


def test_workflows_are_compared(client: Client) -> None:
    changed = LAST.model_copy(update={"processors": 4, "jobscript": f"{SCRIPT}# more\n"})
    first, second = (client.create_workflow(chain()).workflow_id for _ in range(2))
    other = client.create_workflow(chain().model_copy(update={"stages": [FIRST, changed]})).workflow_id

    assert client.diff(first, second).equal
    found = client.diff(first, other)
    assert (found.equal, found.same_definition, [each.equal for each in found.stages]) == (False, False, [True, False])
    differing = {each.name: (each.first, each.second) for each in found.stages[1].values if not each.equal}
    assert set(differing) == {"jobscript_sha256", "processors"}
    assert differing["processors"] == (2, 4)
    assert found.stages[1].jobscript_diff.endswith(" exit 0\n+# more\n")


def test_lists_by_filter_and_page(client: Client) -> None:
    numbers = [client.create_workflow(chain()).workflow_id for _ in range(3)]
    client.submit_workflow(numbers[0])

    assert [each.workflow_id for each in client.workflows(limit=2)] == [numbers[2], numbers[1]]
    assert [each.workflow_id for each in client.workflows(state=WorkflowState.DRAFT)] == [numbers[2], numbers[1]]
    assert [each.workflow_id for each in client.workflows(user=client.whoami().user)] == numbers[::-1]
    assert list(client.workflows(scope="other")) == []
    assert list(client.jobs(workflow_id=numbers[0])) == []


@pytest.mark.parametrize("oldest_first", [False, True])
def test_events_are_listed_newest_first_unless_asked_otherwise(client: Client, oldest_first: bool) -> None:
    number = client.create_workflow(chain(), submit=True).workflow_id

    told = list(client.events(workflow_id=number, oldest_first=oldest_first))
    in_order = told if oldest_first else told[::-1]
    assert in_order[0].event_type is EventType.WORKFLOW_CREATED
    assert EventType.WORKFLOW_SUBMITTED in {each.event_type for each in told}
    assert told[0] == next(client.events(workflow_id=number, oldest_first=oldest_first, limit=1))
    assert list(client.events(workflow_id=number, oldest_first=oldest_first, after=told[0].event_id)) == told[1:]


def test_events_of_a_file_need_its_workflow(client: Client) -> None:
    with pytest.raises(errors.InvalidInput, match="workflow_id"):
        list(client.events(did="usertests:a"))


def test_campaigns(client: Client) -> None:
    campaign = client.create_campaign(CampaignSpec(name="spring", description="of 2026"))
    client.create_workflow(WorkflowSpec(mql="monte-carlo 3", campaign_id=campaign.campaign_id))

    assert client.campaign(campaign.campaign_id).workflows == {WorkflowState.DRAFT: 1}
    assert [each.name for each in client.campaigns()] == ["spring"]
    with pytest.raises(errors.Refused, match="campaign 99"):
        client.create_workflow(WorkflowSpec(mql="monte-carlo 3", campaign_id=99))


def test_the_server_tells_of_itself(client: Client) -> None:
    assert client.whoami().user
    assert client.time().version
    assert client.preview("monte-carlo 12").count == 12
    assert isinstance(client.sites(), list)
    assert isinstance(client.storages(), list)
    assert client.entries(site="NOSUCH") == []
    assert client.distances(site="NOSUCH", rse="NOSUCH") == []
    with pytest.raises(errors.Refused):  # by the one as unknown, by the other as no administrator's
        client.set_distance(DistanceChange(site="NOSUCH", rse="NOSUCH", distance=1))
    assert client.probes(site="NOSUCH", rse="NOSUCH") == []

"""The Python API against the server in memory."""

import pytest

import justin
from justin import (
    CampaignSpec,
    Client,
    EventType,
    FileState,
    JobState,
    OutputSpec,
    StageSpec,
    WorkflowSpec,
    WorkflowState,
    errors,
)
from justin.calls import PAGE_ITEMS
from justin.schemas.views import WorkflowView
from justin.testing import MockServer
from justin.transport import Patience

SCRIPT = "#!/bin/sh\nexit 0\n"
SIMULATE = StageSpec(
    jobscript=SCRIPT, outputs=[OutputSpec(pattern="*.root", for_next_stage=True, lifetime_days=1)], processors=2
)
MERGE = StageSpec(jobscript=SCRIPT, outputs=[OutputSpec(pattern="all*.root", destination="mine", lifetime_days=7)])


def chain(count: int = 3) -> WorkflowSpec:
    return WorkflowSpec(name="chain", mql=f"monte-carlo {count}", stages=[SIMULATE, MERGE])


def test_public_names_are_there() -> None:
    assert all(getattr(justin, name) is not None for name in justin.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = justin.nothing


def test_a_workflow_from_draft_to_end(server: MockServer, client: Client) -> None:
    draft = client.create_workflow(WorkflowSpec(mql="monte-carlo 3"))
    assert draft.state is WorkflowState.DRAFT
    assert client.add_stage(draft.workflow_id, SIMULATE).stage_id == 1
    assert client.add_stage(draft.workflow_id, MERGE).stage_id == 2
    assert client.submit_workflow(draft.workflow_id).state is WorkflowState.RUNNING

    assert server.process(draft.workflow_id) == 6

    ended = client.workflow(draft.workflow_id)
    assert ended.state is WorkflowState.FINISHED
    assert [stage.files for stage in ended.stages] == [{FileState.PROCESSED: 3}, {FileState.PROCESSED: 3}]
    assert [stage.jobs for stage in ended.stages] == [{JobState.FINISHED: 3}, {JobState.FINISHED: 3}]


def test_a_workflow_in_one_call(client: Client) -> None:
    made = client.create_workflow(chain(), submit=True)

    assert made.state is WorkflowState.RUNNING
    assert [stage.processors for stage in client.stages(made.workflow_id)] == [2, 1]
    assert client.stage(made.workflow_id, 2).outputs[0].dataset == "usertests:mine-w1s2p1"
    assert client.jobscript(made.workflow_id, 1) == SCRIPT
    assert client.outputs(made.workflow_id, 1)[0].for_next_stage


def test_a_submission_that_is_repeated_makes_one_workflow(server: MockServer, client: Client) -> None:
    server.break_down(times=2)

    made = client.create_workflow(chain())

    assert [each.workflow_id for each in client.workflows()] == [made.workflow_id]
    creations = [each for each in server.requests if each.method == "POST"]
    assert len(creations) == 3
    assert len({each.headers["Idempotency-Key"] for each in creations}) == 1


def test_two_submissions_make_two_workflows(client: Client) -> None:
    assert client.create_workflow(chain()).workflow_id != client.create_workflow(chain()).workflow_id


def test_a_key_of_ones_own_makes_one_workflow(client: Client) -> None:
    first, second = (client.create_workflow(chain(), idempotency_key="run 7") for _ in range(2))

    assert first.workflow_id == second.workflow_id


def test_pause_restart_and_finish(client: Client) -> None:
    number = client.create_workflow(chain(), submit=True).workflow_id

    assert client.pause_workflow(number, "disk full").state_message == "disk full"
    assert client.pause_workflow(number, "again").state_message == "disk full"
    assert client.restart_workflow(number).state is WorkflowState.RUNNING
    assert client.finish_workflow(number).state is WorkflowState.FINISHED
    with pytest.raises(errors.WrongState, match="is finished"):
        client.pause_workflow(number)


def test_lists_are_fetched_page_by_page(server: MockServer, client: Client) -> None:
    files = 2 * PAGE_ITEMS + 1
    number = client.create_workflow(chain(files), submit=True).workflow_id
    server.requests.clear()

    assert [each.file_id for each in client.files(number)] == list(range(1, files + 1))
    assert len(server.requests) == 3

    wanted = PAGE_ITEMS + 2
    assert len(list(client.files(number, limit=wanted))) == wanted
    assert [each.url.params["limit"] for each in server.requests[3:]] == [str(PAGE_ITEMS), "2"]


def test_filters_reach_the_server(server: MockServer, client: Client) -> None:
    number = client.create_workflow(chain(), submit=True).workflow_id
    other = client.create_workflow(chain())
    server.process(number, count=1)

    assert [each.workflow_id for each in client.workflows(state=WorkflowState.DRAFT)] == [other.workflow_id]
    assert len(list(client.files(number, state=FileState.PROCESSED))) == 1
    assert len(list(client.files(number, stage_id=2))) == 1
    assert len(list(client.replicas(number, did="monte-carlo-000001-000002"))) == 1
    assert [each.state for each in client.jobs(workflow_id=number, stage_id=1)] == [JobState.FINISHED]
    assert list(client.jobs(workflow_id=other.workflow_id)) == []
    created = client.events(event_type=EventType.WORKFLOW_CREATED)
    assert [each.workflow_id for each in created] == [other.workflow_id, number]
    assert [each.event_id for each in client.events(after=4, limit=2)] == [3, 2]
    assert [each.event_id for each in client.events(after=1, limit=2, oldest_first=True)] == [2, 3]


def test_files_are_failed_and_retried(server: MockServer, client: Client) -> None:
    number = client.create_workflow(chain(), submit=True).workflow_id

    assert client.fail_files(number, dids=["monte-carlo-000001-000001"]) == 1
    assert client.fail_files(number, stage_id=2) == 0
    assert client.retry_files(number) == 1
    assert server.process(number) == 6


def test_a_job_and_its_logs(server: MockServer, client: Client) -> None:
    number = client.create_workflow(chain(), submit=True).workflow_id
    server.process(number, count=1)
    (job,) = client.jobs()

    assert client.job(job.jobsub_id) == job
    assert [log.kind for log in client.job_logs(job.jobsub_id)] == ["jobscript"]


def test_campaigns_count_their_workflows(client: Client) -> None:
    campaign = client.create_campaign(CampaignSpec(name="spring"))
    client.create_workflow(WorkflowSpec(mql="monte-carlo 1", campaign_id=campaign.campaign_id))

    assert client.campaign(campaign.campaign_id).workflows == {WorkflowState.DRAFT: 1}
    assert [each.name for each in client.campaigns()] == ["spring"]


def test_the_server_tells_of_itself(client: Client) -> None:
    assert client.whoami().user == "tester"
    assert client.time().version == justin.__version__
    assert [each.name for each in client.sites()] == ["MOCK_SITE"]
    assert [each.site for each in client.storages()] == ["MOCK_SITE"]
    assert [each.distance for each in client.distances(site="MOCK_SITE")] == [0]
    assert client.entries() == []
    assert client.preview("monte-carlo 12").count == 12


def test_errors_are_classes(client: Client) -> None:
    with pytest.raises(errors.NotFound, match="there is no workflow 77"):
        client.workflow(77)
    with pytest.raises(errors.InvalidInput, match="not told what this query finds"):
        client.create_workflow(WorkflowSpec(mql="files from nowhere:at-all"))


def test_waiting_tells_of_each_change_until_the_end(server: MockServer, client: Client) -> None:
    number = client.create_workflow(chain(), submit=True).workflow_id
    seen: list[WorkflowView] = []

    def show_and_process_one(workflow: WorkflowView) -> None:
        seen.append(workflow)
        server.process(number, count=1)

    ended = client.wait(number, poll_seconds=0, on_progress=show_and_process_one)

    assert ended.state is WorkflowState.FINISHED
    assert [sum(each.stages[0].files.values()) for each in seen] == [3] * 7
    assert [each.stages[1].files.get(FileState.PROCESSED, 0) for each in seen] == [0, 0, 0, 0, 1, 2, 3]


def test_waiting_for_a_state_of_ones_choice(server: MockServer, client: Client) -> None:
    number = client.create_workflow(chain()).workflow_id

    assert client.wait(number, until={WorkflowState.DRAFT}).state is WorkflowState.DRAFT


def test_waiting_ends_when_the_state_cannot_come_any_more(server: MockServer, client: Client) -> None:
    number = client.create_workflow(chain(), submit=True).workflow_id
    server.process(number)

    assert client.wait(number, until={WorkflowState.PAUSED}).state is WorkflowState.FINISHED


def test_waiting_gives_up_at_the_time_limit(client: Client) -> None:
    number = client.create_workflow(chain(), submit=True).workflow_id

    with pytest.raises(errors.WaitedTooLong, match=r"the workflow is running after waiting for 0\.01 s") as caught:
        client.wait(number, timeout_seconds=0.01, poll_seconds=0)

    assert caught.value.workflow is not None


def test_waiting_outlasts_an_outage(server: MockServer, client: Client) -> None:
    number = client.create_workflow(chain(), submit=True).workflow_id
    server.process(number)
    server.break_down(times=100)

    assert client.wait(number, poll_seconds=0).state is WorkflowState.FINISHED


def test_waiting_does_not_outlast_an_outage_for_ever(server: MockServer) -> None:
    with server.client(Patience(tries=1)) as client:
        number = client.create_workflow(chain(), submit=True).workflow_id
        server.break_down(times=10)

        with pytest.raises(errors.Unavailable, match="503"):
            client.wait(number, poll_seconds=0, outage_seconds=0)

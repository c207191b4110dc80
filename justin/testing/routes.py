"""The API's routes over the world that the server in memory remembers."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel

import justin
from justin.errors import NotFound
from justin.schemas.specs import CampaignSpec, FileSelection, StageAddition, StateChange, WorkflowSpec
from justin.schemas.views import Identity, JobLogView, Moved, QueryPreview, ReplicaView, ServerTime
from justin.testing import shown
from justin.testing.world import World

INSTANCE = "mock"
DEFAULT_LIMIT = 100

Message = TypeVar("Message", bound=BaseModel)
Answer = Callable[..., Any]


def _create_workflow(world: World, request: httpx.Request) -> Any:
    workflow = world.create(_read(request, WorkflowSpec), request.headers.get("Idempotency-Key", ""))
    if request.url.params.get("submit") == "true" and workflow.view.submitted_at is None:
        world.change(workflow, "submit", "")
    return (shown.workflow_view(world, workflow),)


def _list_workflows(world: World, request: httpx.Request) -> Any:
    views = [each.view for each in reversed(world.workflows.values())]
    return _page(request, views, "state", "user", "scope", "campaign_id")


def _one_workflow(world: World, _request: httpx.Request, workflow_id: str) -> Any:
    return shown.workflow_view(world, world.workflow(int(workflow_id)))


def _change_workflow(world: World, request: httpx.Request, workflow_id: str, act: str) -> Any:
    workflow = world.workflow(int(workflow_id))
    world.change(workflow, act, _read(request, StateChange).reason)
    return shown.workflow_view(world, workflow)


def _add_stage(world: World, request: httpx.Request, workflow_id: str) -> Any:
    workflow = world.workflow(int(workflow_id))
    world.add_stage(workflow, _read(request, StageAddition).stage)
    return (shown.stage_view(world, workflow, len(workflow.stages)),)


def _list_stages(world: World, _request: httpx.Request, workflow_id: str) -> Any:
    return shown.workflow_view(world, world.workflow(int(workflow_id))).stages


def _one_stage(world: World, _request: httpx.Request, workflow_id: str, stage_id: str) -> Any:
    return shown.stage_view(world, world.workflow(int(workflow_id)), int(stage_id))


def _jobscript(world: World, _request: httpx.Request, workflow_id: str, stage_id: str) -> Any:
    return world.workflow(int(workflow_id)).stage(int(stage_id)).jobscript


def _outputs(world: World, _request: httpx.Request, workflow_id: str, stage_id: str) -> Any:
    return shown.output_views(world.workflow(int(workflow_id)), int(stage_id))


def _no_datasets(world: World, _request: httpx.Request, workflow_id: str) -> Any:
    world.workflow(int(workflow_id))
    return []


def _list_files(world: World, request: httpx.Request, workflow_id: str) -> Any:
    return _page(request, world.workflow(int(workflow_id)).files, "stage_id", "state", "did")


def _list_replicas(world: World, request: httpx.Request, workflow_id: str) -> Any:
    wanted = _page(request, world.workflow(int(workflow_id)).files, "stage_id", "did")
    urls = {each.did: f"root://mock.invalid//{each.did.replace(':', '/')}" for each in wanted["items"]}
    return wanted | {
        "items": [ReplicaView(did=did, rse="MOCK", wan_pfn=url, lan_pfn=None) for did, url in urls.items()]
    }


def _select_files(world: World, request: httpx.Request, workflow_id: str, act: str) -> Any:
    moved = world.select(world.workflow(int(workflow_id)), act, _read(request, FileSelection))
    return Moved(moved=moved)


def _list_jobs(world: World, request: httpx.Request) -> Any:
    return _page(request, world.jobs[::-1], "workflow_id", "stage_id", "state", "site")


def _one_job(world: World, _request: httpx.Request, jobsub_id: str) -> Any:
    for job in world.jobs:
        if job.jobsub_id == jobsub_id:
            return job
    raise NotFound(f"there is no job {jobsub_id}")


def _job_logs(world: World, request: httpx.Request, jobsub_id: str) -> Any:
    job = _one_job(world, request, jobsub_id)
    text = "processed one file\n"
    log = JobLogView(jobsub_id=jobsub_id, kind="jobscript", saved_at=job.finished_at, size_bytes=len(text), text=text)
    return [log]


def _list_events(world: World, request: httpx.Request) -> Any:
    return _page(request, world.events[::-1], "workflow_id", "stage_id", "did", "event_type", job="jobsub_id")


def _create_campaign(world: World, request: httpx.Request) -> Any:
    return (world.add_campaign(_read(request, CampaignSpec)),)


def _list_campaigns(world: World, request: httpx.Request) -> Any:
    return _page(request, [_shown_campaign(world, each) for each in reversed(world.campaigns)])


def _one_campaign(world: World, _request: httpx.Request, campaign_id: str) -> Any:
    return _shown_campaign(world, int(campaign_id))


def _shown_campaign(world: World, campaign_id: int) -> Any:
    if campaign_id not in world.campaigns:
        raise NotFound(f"there is no campaign {campaign_id}")
    states = Counter(each.view.state for each in world.workflows.values() if each.view.campaign_id == campaign_id)
    return world.campaigns[campaign_id].model_copy(update={"workflows": states})


def _preview(world: World, request: httpx.Request) -> Any:
    dids = world.find(str(json.loads(request.content)["mql"]))
    return QueryPreview(count=len(dids), sample=dids[:10])


def _whoami(world: World, _request: httpx.Request) -> Any:
    return Identity(user=world.user, instance=INSTANCE)


def _time(_world: World, _request: httpx.Request) -> Any:
    return ServerTime(time=datetime.now(UTC), version=justin.__version__, instance=INSTANCE)


ROUTES: list[tuple[str, str, Answer]] = [
    ("POST", r"/workflows", _create_workflow),
    ("GET", r"/workflows", _list_workflows),
    ("GET", r"/workflows/(\d+)", _one_workflow),
    ("POST", r"/workflows/(\d+)/(submit|pause|restart|finish)", _change_workflow),
    ("POST", r"/workflows/(\d+)/stages", _add_stage),
    ("GET", r"/workflows/(\d+)/stages", _list_stages),
    ("GET", r"/workflows/(\d+)/stages/(\d+)", _one_stage),
    ("GET", r"/workflows/(\d+)/stages/(\d+)/jobscript", _jobscript),
    ("GET", r"/workflows/(\d+)/stages/(\d+)/outputs", _outputs),
    ("GET", r"/workflows/(\d+)/datasets", _no_datasets),
    ("GET", r"/workflows/(\d+)/files", _list_files),
    ("POST", r"/workflows/(\d+)/files/(fail|retry)", _select_files),
    ("GET", r"/workflows/(\d+)/replicas", _list_replicas),
    ("GET", r"/jobs", _list_jobs),
    ("GET", r"/jobs/([^/]+)", _one_job),
    ("GET", r"/jobs/([^/]+)/logs", _job_logs),
    ("GET", r"/events", _list_events),
    ("POST", r"/campaigns", _create_campaign),
    ("GET", r"/campaigns", _list_campaigns),
    ("GET", r"/campaigns/(\d+)", _one_campaign),
    ("POST", r"/queries/preview", _preview),
    ("GET", r"/whoami", _whoami),
    ("GET", r"/time", _time),
]


def _read(request: httpx.Request, message: type[Message]) -> Message:
    return message.model_validate_json(request.content)


def _page(request: httpx.Request, items: Sequence[BaseModel], *same: str, **renamed: str) -> dict[str, Any]:
    """Keep the items that the request's filters let through, and give the part that it asks for."""
    asked = request.url.params
    filters = {**dict.fromkeys(same), **renamed}
    kept = [
        each
        for each in items
        if all(name not in asked or asked[name] == str(getattr(each, field or name)) for name, field in filters.items())
    ]
    begin, size = int(asked.get("after", 0)), int(asked.get("limit", DEFAULT_LIMIT))
    end = begin + size
    return {"items": kept[begin:end], "next_after": end if end < len(kept) else None}

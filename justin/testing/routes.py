"""The API's routes over the world that the server in memory remembers."""

import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel

import justin
from justin.errors import InvalidInput, NotFound
from justin.schemas.integrity import IntegrityView
from justin.schemas.specs import (
    CampaignSpec,
    DistanceChange,
    FileSelection,
    QuerySpec,
    ScratchTokenSpec,
    StageAddition,
    StateChange,
    WorkflowSpec,
)
from justin.schemas.uploads import CodeView
from justin.schemas.views import (
    DistanceView,
    Identity,
    JobLogView,
    Moved,
    ProbeView,
    QueryPreview,
    ReplicaView,
    ScratchTokenView,
    ServerTime,
    SiteView,
    StorageView,
)
from justin.states import ProbeState
from justin.testing import reasons, shown
from justin.testing.world import RSE, SITE, World

INSTANCE = "mock"
DEFAULT_LIMIT = 100

Message = TypeVar("Message", bound=BaseModel)
Answer = Callable[..., Any]
Fits = Callable[[BaseModel], bool]


def _create_workflow(world: World, request: httpx.Request) -> Any:
    workflow = world.create(_read(request, WorkflowSpec), request.headers.get("Idempotency-Key", ""))
    if request.url.params.get("submit") == "true" and workflow.view.submitted_at is None:
        world.change(workflow, "submit", "")
    return (shown.workflow_view(world, workflow),)


def _list_workflows(world: World, request: httpx.Request) -> Any:
    archived = request.url.params.get("archived") == "true"
    views = [each.view for each in world.workflows.values() if bool(each.view.archived_at) == archived]
    return _newest_first(request, views, "workflow_id", _matching(request, "state", "user", "scope", "campaign_id"))


def _one_workflow(world: World, _request: httpx.Request, workflow_id: str) -> Any:
    return shown.workflow_view(world, world.workflow(int(workflow_id)))


def _workflow_spec(world: World, _request: httpx.Request, workflow_id: str) -> Any:
    workflow = world.workflow(int(workflow_id))
    view = workflow.view
    said = {name: getattr(view, name) for name in WorkflowSpec.model_fields if hasattr(view, name)}
    return WorkflowSpec.model_validate({**said, "stages": workflow.stages})


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
    return shown.jobscript_text(world.workflow(int(workflow_id)).stage(int(stage_id)))


def _outputs(world: World, _request: httpx.Request, workflow_id: str, stage_id: str) -> Any:
    return shown.output_views(world.workflow(int(workflow_id)), int(stage_id))


def _why_not(world: World, request: httpx.Request, workflow_id: str) -> Any:
    asked = request.url.params
    number = int(asked["stage_id"]) if "stage_id" in asked else None
    return reasons.explanation(world, world.workflow(int(workflow_id)), number, asked.get("site"), asked.get("did"))


def _integrity(world: World, _request: httpx.Request, workflow_id: str) -> Any:
    return IntegrityView(workflow_id=world.workflow(int(workflow_id)).view.workflow_id)


def _no_datasets(world: World, _request: httpx.Request, workflow_id: str) -> Any:
    world.workflow(int(workflow_id))
    return []


def _list_files(world: World, request: httpx.Request, workflow_id: str) -> Any:
    files = world.workflow(int(workflow_id)).files
    return _in_order(request, files, "file_id", _matching(request, "stage_id", "state", "did"))


def _list_replicas(world: World, request: httpx.Request, workflow_id: str) -> Any:
    files = world.workflow(int(workflow_id)).files
    page = _in_order(request, files, "file_id", _matching(request, "stage_id", "did"))
    urls = {each.did: f"root://mock.invalid//{each.did.replace(':', '/')}" for each in page["items"]}
    replicas = [ReplicaView(did=did, rse=RSE, wan_pfn=url, lan_pfn=None) for did, url in urls.items()]
    return page | {"items": replicas}


def _select_files(world: World, request: httpx.Request, workflow_id: str, act: str) -> Any:
    moved = world.select(world.workflow(int(workflow_id)), act, _read(request, FileSelection))
    return Moved(moved=moved)


def _no_provenance(_world: World, request: httpx.Request) -> Any:
    raise NotFound(f"MetaCat does not know {request.url.params.get('did')}: this server in memory has no catalogue")


def _list_jobs(world: World, request: httpx.Request) -> Any:
    return _newest_first(request, world.jobs, "job_id", _matching(request, "workflow_id", "stage_id", "state", "site"))


def _one_job(world: World, _request: httpx.Request, jobsub_id: str) -> Any:
    for job in world.jobs:
        if job.jobsub_id == jobsub_id:
            return job
    raise NotFound(f"there is no job {jobsub_id}")


def _job_logs(world: World, request: httpx.Request, jobsub_id: str) -> Any:
    job = _one_job(world, request, jobsub_id)
    text = world.logs.get(jobsub_id, "processed one file\n")
    saved_at = job.finished_at or datetime.now(UTC)
    log = JobLogView(jobsub_id=jobsub_id, kind="jobscript", saved_at=saved_at, size_bytes=len(text), text=text)
    return [log]


def _list_events(world: World, request: httpx.Request) -> Any:
    if "did" in request.url.params and "workflow_id" not in request.url.params:
        raise InvalidInput("To see the events of a file, give workflow_id with did.")
    fits = _matching(
        request, "workflow_id", "stage_id", "did", "event_type", "site", "entry", "rse", job="jobsub_id", user="actor"
    )
    listed = _in_order if request.url.params.get("oldest_first") == "true" else _newest_first
    return listed(request, world.events, "event_id", fits)


def _one_code(world: World, _request: httpx.Request, sha256: str) -> Any:
    return CodeView(sha256=sha256, path=f"/cvmfs/mock/sw/{sha256}" if sha256 in world.code else "")


def _upload_code(world: World, request: httpx.Request, sha256: str) -> Any:
    if hashlib.sha256(request.read()).hexdigest() != sha256:
        raise InvalidInput("what arrived has another hash")
    world.code.add(sha256)
    return _one_code(world, request, sha256)


def _create_campaign(world: World, request: httpx.Request) -> Any:
    return (world.add_campaign(_read(request, CampaignSpec)),)


def _list_campaigns(world: World, request: httpx.Request) -> Any:
    campaigns = [_shown_campaign(world, each) for each in world.campaigns]
    return _newest_first(request, campaigns, "campaign_id", _matching(request))


def _one_campaign(world: World, _request: httpx.Request, campaign_id: str) -> Any:
    return _shown_campaign(world, int(campaign_id))


def _shown_campaign(world: World, campaign_id: int) -> Any:
    if campaign_id not in world.campaigns:
        raise NotFound(f"there is no campaign {campaign_id}")
    states = Counter(each.view.state for each in world.workflows.values() if each.view.campaign_id == campaign_id)
    return world.campaigns[campaign_id].model_copy(update={"workflows": states})


def _preview(world: World, request: httpx.Request) -> Any:
    dids = world.find(_read(request, QuerySpec).mql)
    return QueryPreview(count=len(dids), sample=dids[:10])


def _whoami(world: World, _request: httpx.Request) -> Any:
    return Identity(user=world.user, instance=INSTANCE)


def _time(_world: World, _request: httpx.Request) -> Any:
    return ServerTime(time=datetime.now(UTC), version=justin.__version__, instance=INSTANCE)


def _sites(world: World, _request: httpx.Request) -> Any:
    site = SiteView(name=SITE, country="", region="", enabled=True, disabled_reason="", last_seen_at=world.begun_at)
    return [site]


def _storages(world: World, _request: httpx.Request) -> Any:
    storage = StorageView(
        name=RSE,
        site=SITE,
        country="",
        region="",
        tape=False,
        readable=True,
        writable=True,
        disabled_reason="",
        occupancy=0,
        last_seen_at=world.begun_at,
    )
    return [storage]


def _no_entries(_world: World, _request: httpx.Request) -> Any:
    return []


def _distances(_world: World, request: httpx.Request) -> Any:
    wanted = (request.url.params.get("site", SITE), request.url.params.get("rse", RSE))
    distance = DistanceView(site=SITE, storage=RSE, distance=0, by_hand=False, by_rule=0)
    return [distance] if wanted == (SITE, RSE) else []


def _set_distance(_world: World, request: httpx.Request) -> Any:
    change = _read(request, DistanceChange)
    if (change.site, change.rse) != (SITE, RSE):
        raise NotFound(f"there is no site {change.site}, or no storage {change.rse}")
    by_hand = change.distance is not None
    return [DistanceView(site=SITE, storage=RSE, distance=change.distance or 0, by_hand=by_hand, by_rule=0)]


def _probes(_world: World, request: httpx.Request) -> Any:
    wanted = (request.url.params.get("site", SITE), request.url.params.get("rse", RSE))
    probe = ProbeView(
        site=SITE,
        gpu_entry="",
        storage=RSE,
        distance=0,
        state=ProbeState.NO_RESULT,
        read_ok=None,
        read_seconds=None,
        write_ok=None,
        write_seconds=None,
        message="",
        at=None,
        jobsub_id=None,
        offered_for_reading=True,
        offered_for_writing=True,
    )
    return [probe] if wanted == (SITE, RSE) else []


def _set_token(world: World, request: httpx.Request) -> Any:
    spec, now = _read(request, ScratchTokenSpec), datetime.now(UTC)
    if spec.expires_at is None:
        raise InvalidInput("The token does not say when it expires: say it (--hours).")
    world.scratch_token = ScratchTokenView(user=world.user, set_at=now, expires_at=spec.expires_at)
    return world.scratch_token


def _token(world: World, _request: httpx.Request) -> Any:
    if world.scratch_token is None:
        raise NotFound("You have given no token for scratch space: do so with `justin set-token`.")
    return world.scratch_token


def _forget_token(world: World, _request: httpx.Request) -> Any:
    had, world.scratch_token = world.scratch_token, None
    return Moved(moved=int(had is not None))


ROUTES: list[tuple[str, str, Answer]] = [
    ("POST", r"/workflows", _create_workflow),
    ("GET", r"/workflows", _list_workflows),
    ("GET", r"/workflows/(\d+)", _one_workflow),
    ("GET", r"/workflows/(\d+)/spec", _workflow_spec),
    ("POST", r"/workflows/(\d+)/(submit|pause|restart|finish)", _change_workflow),
    ("POST", r"/workflows/(\d+)/stages", _add_stage),
    ("GET", r"/workflows/(\d+)/stages", _list_stages),
    ("GET", r"/workflows/(\d+)/stages/(\d+)", _one_stage),
    ("GET", r"/workflows/(\d+)/stages/(\d+)/jobscript", _jobscript),
    ("GET", r"/workflows/(\d+)/stages/(\d+)/outputs", _outputs),
    ("GET", r"/workflows/(\d+)/why-not", _why_not),
    ("GET", r"/workflows/(\d+)/integrity", _integrity),
    ("POST", r"/workflows/(\d+)/check", _integrity),
    ("GET", r"/workflows/(\d+)/datasets", _no_datasets),
    ("GET", r"/workflows/(\d+)/files", _list_files),
    ("POST", r"/workflows/(\d+)/files/(fail|retry)", _select_files),
    ("GET", r"/workflows/(\d+)/replicas", _list_replicas),
    ("GET", r"/provenance", _no_provenance),
    ("GET", r"/jobs", _list_jobs),
    ("GET", r"/jobs/([^/]+)", _one_job),
    ("GET", r"/jobs/([^/]+)/logs", _job_logs),
    ("GET", r"/events", _list_events),
    ("GET", r"/code/([0-9a-f]{64})", _one_code),
    ("PUT", r"/code/([0-9a-f]{64})", _upload_code),
    ("POST", r"/campaigns", _create_campaign),
    ("GET", r"/campaigns", _list_campaigns),
    ("GET", r"/campaigns/(\d+)", _one_campaign),
    ("POST", r"/queries/preview", _preview),
    ("GET", r"/whoami", _whoami),
    ("GET", r"/time", _time),
    ("GET", r"/version", _time),
    ("GET", r"/sites", _sites),
    ("GET", r"/storages", _storages),
    ("GET", r"/entries", _no_entries),
    ("GET", r"/distances", _distances),
    ("POST", r"/distances", _set_distance),
    ("GET", r"/probes", _probes),
    ("POST", r"/scratch-token", _set_token),
    ("GET", r"/scratch-token", _token),
    ("POST", r"/scratch-token/forget", _forget_token),
]


def _read(request: httpx.Request, message: type[Message]) -> Message:
    return message.model_validate_json(request.content)


def _matching(request: httpx.Request, *same: str, **renamed: str) -> Fits:
    """Make the test for the request's filters; a filter has the name of the field, or is renamed to it."""
    asked = request.url.params
    fields = {name: field for name, field in ({each: each for each in same} | renamed).items() if name in asked}
    return lambda item: all(asked[name] == str(getattr(item, field)) for name, field in fields.items())


def _in_order(request: httpx.Request, items: Sequence[BaseModel], key: str, fits: Fits) -> dict[str, Any]:
    """Give the page that is asked for of a list by rising keys."""
    after = int(request.url.params.get("after", 0))
    return _page(request, [each for each in items if fits(each) and getattr(each, key) > after], key)


def _newest_first(request: httpx.Request, items: Sequence[BaseModel], key: str, fits: Fits) -> dict[str, Any]:
    """Give the page that is asked for of a list by falling keys."""
    after = int(request.url.params.get("after", sys.maxsize))
    return _page(request, [each for each in reversed(items) if fits(each) and getattr(each, key) < after], key)


def _page(request: httpx.Request, rest: Sequence[BaseModel], key: str) -> dict[str, Any]:
    limit = int(request.url.params.get("limit", DEFAULT_LIMIT))
    return {"items": rest[:limit], "next_after": getattr(rest[limit - 1], key) if len(rest) > limit else None}

"""The Python API: one method for each thing the server can do."""

import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Self
from urllib.parse import quote

import httpx

from justin import config, following, waiting
from justin.code_uploads import Uploads
from justin.schemas.explanations import Explanation
from justin.schemas.integrity import IntegrityView
from justin.schemas.provenance import Provenance
from justin.schemas.specs import (
    CampaignSpec,
    DistanceChange,
    FileSelection,
    QuerySpec,
    ScratchTokenSpec,
    StageAddition,
    StageSpec,
    StateChange,
    WorkflowSpec,
)
from justin.schemas.views import (
    CampaignView,
    DatasetView,
    DistanceView,
    EntryView,
    EventView,
    FileView,
    Identity,
    JobLogView,
    JobView,
    Moved,
    OutputView,
    Page,
    ProbeView,
    QueryPreview,
    ReplicaView,
    ScratchTokenView,
    ServerTime,
    SiteView,
    StageView,
    StorageView,
    WorkflowView,
)
from justin.states import TERMINAL_WORKFLOW_STATES, EventType, FileState, JobState, Source, WorkflowState
from justin.transport import Patience, Repeat, Transport


class Client(Uploads):
    """A user's way to one justIN server.

    Every method may raise the errors of `justin.errors`. Lists are iterators that fetch further pages as they are
    read; `limit` bounds how many things they give. A client may be used by several threads.
    """

    def __init__(
        self,
        url: str = "",
        *,
        instance: str = "",
        patience: Patience | None = None,
        carrier: httpx.BaseTransport | None = None,
        source: Source = Source.API,
    ) -> None:
        """Find the server as `justin.config` says; nothing is sent yet. `carrier` replaces the network in tests.

        `source` is what events will say of the way by which a person has acted.
        """
        self.configuration = config.load(url, instance)
        self._transport = Transport(
            self.configuration.url, patience=patience or Patience(), carrier=carrier, source=source
        )

    def __enter__(self) -> Self:
        """Give itself; closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    # Workflows

    def create_workflow(
        self, spec: WorkflowSpec, *, submit: bool = False, idempotency_key: str | None = None
    ) -> WorkflowView:
        """Make a workflow, as a draft or submitted at once.

        However often the request is repeated under one key, it makes one workflow; by default each call has its own.
        """
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        params = {"submit": "true"} if submit else None
        return self._post("/workflows", spec, WorkflowView, params=params, headers=headers, repeat=Repeat.ALWAYS)

    def workflow(self, workflow_id: int) -> WorkflowView:
        """Get a workflow with its stages and their counts."""
        return self._get(f"/workflows/{workflow_id}", WorkflowView)

    def workflows(
        self,
        *,
        state: WorkflowState | None = None,
        user: str | None = None,
        scope: str | None = None,
        campaign_id: int | None = None,
        archived: bool = False,
        limit: int | None = None,
    ) -> Iterator[WorkflowView]:
        """List workflows, newest first; those in the archive instead when asked."""
        params = {
            "state": state,
            "user": user,
            "scope": scope,
            "campaign_id": campaign_id,
            "archived": archived or None,
        }
        return self._pages("/workflows", Page[WorkflowView], params, limit)

    def workflow_spec(self, workflow_id: int) -> WorkflowSpec:
        """Get what would make the same workflow anew."""
        return self._get(f"/workflows/{workflow_id}/spec", WorkflowSpec)

    def submit_workflow(self, workflow_id: int, reason: str = "") -> WorkflowView:
        """Submit a draft."""
        return self._change(workflow_id, "submit", reason)

    def pause_workflow(self, workflow_id: int, reason: str = "") -> WorkflowView:
        """Start no more jobs and give no more files to running ones."""
        return self._change(workflow_id, "pause", reason)

    def restart_workflow(self, workflow_id: int, reason: str = "") -> WorkflowView:
        """Let a paused workflow go on."""
        return self._change(workflow_id, "restart", reason)

    def finish_workflow(self, workflow_id: int, reason: str = "") -> WorkflowView:
        """End a workflow although files are left; its datasets are closed."""
        return self._change(workflow_id, "finish", reason)

    def wait(
        self,
        workflow_id: int,
        *,
        until: Collection[WorkflowState] = TERMINAL_WORKFLOW_STATES,
        timeout_seconds: float | None = None,
        poll_seconds: float = 2.0,
        outage_seconds: float = 600.0,
        on_progress: Callable[[WorkflowView], None] | None = None,
    ) -> WorkflowView:
        """Wait for a workflow to come to a state, or to one it cannot leave any more.

        `on_progress` gets the workflow each time something about it has changed. A server that does not answer is
        waited for up to `outage_seconds`. Raises WaitedTooLong at the time limit.
        """
        limits = waiting.Limits(timeout_seconds, poll_seconds, outage_seconds)
        return waiting.until(lambda: self.workflow(workflow_id), until, limits, on_progress)

    def explain(
        self, workflow_id: int, *, stage_id: int | None = None, site: str | None = None, did: str | None = None
    ) -> Explanation:
        """Ask why files wait: of all stages or one, as jobs at all sites or one see it, all files or one."""
        params = {"stage_id": stage_id, "site": site, "did": did}
        return self._get(f"/workflows/{workflow_id}/why-not", Explanation, params)

    # Stages

    def add_stage(self, workflow_id: int, stage: StageSpec) -> StageView:
        """Add a stage at the end of a draft."""
        return self._post(f"/workflows/{workflow_id}/stages", StageAddition(stage=stage), StageView)

    def stages(self, workflow_id: int) -> list[StageView]:
        """List the stages of a workflow in their order."""
        return self._get(f"/workflows/{workflow_id}/stages", list[StageView])

    def stage(self, workflow_id: int, stage_id: int) -> StageView:
        """Get one stage by its number in the workflow."""
        return self._get(f"/workflows/{workflow_id}/stages/{stage_id}", StageView)

    def jobscript(self, workflow_id: int, stage_id: int) -> str:
        """Get the text of a stage's jobscript."""
        return self._transport.request("GET", f"/workflows/{workflow_id}/stages/{stage_id}/jobscript").text

    def outputs(self, workflow_id: int, stage_id: int) -> list[OutputView]:
        """List a stage's kinds of outputs and what has come of them."""
        return self._get(f"/workflows/{workflow_id}/stages/{stage_id}/outputs", list[OutputView])

    # Files

    def datasets(self, workflow_id: int) -> list[DatasetView]:
        """List the datasets that hold a workflow's outputs."""
        return self._get(f"/workflows/{workflow_id}/datasets", list[DatasetView])

    def files(
        self,
        workflow_id: int,
        *,
        stage_id: int | None = None,
        state: FileState | None = None,
        did: str | None = None,
        limit: int | None = None,
    ) -> Iterator[FileView]:
        """List the files of a workflow: inputs of its stages and final outputs."""
        params = {"stage_id": stage_id, "state": state, "did": did}
        return self._pages(f"/workflows/{workflow_id}/files", Page[FileView], params, limit)

    def replicas(
        self, workflow_id: int, *, stage_id: int | None = None, did: str | None = None, limit: int | None = None
    ) -> Iterator[ReplicaView]:
        """List the copies of a workflow's files."""
        params = {"stage_id": stage_id, "did": did}
        return self._pages(f"/workflows/{workflow_id}/replicas", Page[ReplicaView], params, limit)

    def fail_files(
        self, workflow_id: int, stage_id: int | None = None, dids: Sequence[str] = (), reason: str = ""
    ) -> int:
        """Give up waiting files, all or some by DID; returns how many."""
        return self._select(workflow_id, "fail", stage_id, dids, reason)

    def retry_files(
        self, workflow_id: int, stage_id: int | None = None, dids: Sequence[str] = (), reason: str = ""
    ) -> int:
        """Try failed and not found files again, all or some by DID; returns how many."""
        return self._select(workflow_id, "retry", stage_id, dids, reason)

    def preview(self, mql: str) -> QueryPreview:
        """Ask what a query would find now."""
        return self._post("/queries/preview", QuerySpec(mql=mql), QueryPreview, repeat=Repeat.ALWAYS)

    def provenance(self, dids: Sequence[str], *, depth: int | None = None, limit: int = 1000) -> Provenance:
        """Ask how files (at most 100) were made, through at most `depth` generations of parents and `limit` files."""
        return self._get("/provenance", Provenance, {"did": list(dids), "depth": depth, "limit": limit})

    # Jobs and events

    def jobs(
        self,
        *,
        workflow_id: int | None = None,
        stage_id: int | None = None,
        state: JobState | None = None,
        site: str | None = None,
        limit: int | None = None,
    ) -> Iterator[JobView]:
        """List jobs, newest first."""
        params = {"workflow_id": workflow_id, "stage_id": stage_id, "state": state, "site": site}
        return self._pages("/jobs", Page[JobView], params, limit)

    def job(self, jobsub_id: str) -> JobView:
        """Get one job by its id, `CLUSTER.PROC@SCHEDD`."""
        return self._get(f"/jobs/{quote(jobsub_id, safe='')}", JobView)

    def job_logs(self, jobsub_id: str) -> list[JobLogView]:
        """Get the logs that were saved of a job."""
        return self._get(f"/jobs/{quote(jobsub_id, safe='')}/logs", list[JobLogView])

    def follow_log(
        self,
        jobsub_id: str,
        *,
        kind: str = following.JOBSCRIPT,
        poll_seconds: float = 5.0,
        outage_seconds: float = 600.0,
    ) -> Iterator[str]:
        """Yield what is new in a log of a job, as far as heartbeats have brought it, until the job has ended.

        A running job's log is its last 10,000 characters; what was lost between two heartbeats is told in a line. A
        server that does not answer is waited for up to `outage_seconds`.
        """
        limits = waiting.Limits(None, poll_seconds, outage_seconds)
        return following.pieces(lambda: self.job(jobsub_id), lambda: self.job_logs(jobsub_id), kind, limits)

    def events(
        self,
        *,
        workflow_id: int | None = None,
        stage_id: int | None = None,
        jobsub_id: str | None = None,
        did: str | None = None,
        event_type: EventType | None = None,
        site: str | None = None,
        entry: str | None = None,
        rse: str | None = None,
        user: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        oldest_first: bool = False,
        after: int | None = None,
        limit: int | None = None,
    ) -> Iterator[EventView]:
        """List what happened, newest first; a file's events need its workflow.

        `user` is the person that did it, from `since` on and before `until`, aware times. `after` goes on where another
        list of that order ended, at the event of that id.
        """
        places = {"site": site, "entry": entry, "rse": rse}
        times = {"since": since and since.isoformat(), "until": until and until.isoformat()}
        params = {"workflow_id": workflow_id, "stage_id": stage_id, "job": jobsub_id, "did": did, "user": user}
        order = {"event_type": event_type, "oldest_first": oldest_first}
        return self._pages("/events", Page[EventView], params | places | times | order, limit, after)

    # Campaigns and the server itself

    def create_campaign(self, spec: CampaignSpec) -> CampaignView:
        """Make a campaign, to group workflows."""
        return self._post("/campaigns", spec, CampaignView)

    def campaign(self, campaign_id: int) -> CampaignView:
        """Get a campaign with its workflows by state."""
        return self._get(f"/campaigns/{campaign_id}", CampaignView)

    def campaigns(self, *, limit: int | None = None) -> Iterator[CampaignView]:
        """List campaigns, newest first."""
        return self._pages("/campaigns", Page[CampaignView], {}, limit)

    def whoami(self) -> Identity:
        """Ask whom the server takes the caller for."""
        return self._get("/whoami", Identity)

    def set_scratch_token(self, spec: ScratchTokenSpec) -> ScratchTokenView:
        """Give the token with which the caller's jobs upload to https:// destinations."""
        return self._post("/scratch-token", spec, ScratchTokenView, repeat=Repeat.ALWAYS)

    def scratch_token(self) -> ScratchTokenView:
        """Ask until when that token is good."""
        return self._get("/scratch-token", ScratchTokenView)

    def forget_scratch_token(self, reason: str = "") -> bool:
        """Let the server forget that token; False when there was none."""
        return bool(self._post("/scratch-token/forget", StateChange(reason=reason), Moved).moved)

    def time(self) -> ServerTime:
        """Ask for the server's clock and version."""
        return self._get("/time", ServerTime)

    def integrity(self, workflow_id: int) -> IntegrityView:
        """Show whether the books of a workflow's outputs agree, and what the last check found."""
        return self._get(f"/workflows/{workflow_id}/integrity", IntegrityView)

    def check_workflow(self, workflow_id: int, reason: str = "") -> IntegrityView:
        """Have the books of a workflow's outputs compared now; `integrity` tells when that is done."""
        path = f"/workflows/{workflow_id}/check"
        return self._post(path, StateChange(reason=reason), IntegrityView, repeat=Repeat.ALWAYS)

    def sites(self) -> list[SiteView]:
        """List the sites where jobs may run."""
        return self._get("/sites", list[SiteView])

    def entries(self, *, site: str | None = None) -> list[EntryView]:
        """List the entries by which pilots come to sites."""
        return self._get("/entries", list[EntryView], {"site": site})

    def distances(self, *, site: str | None = None, rse: str | None = None) -> list[DistanceView]:
        """List how far storages are from sites, for each site the nearest first."""
        return self._get("/distances", list[DistanceView], {"site": site, "rse": rse})

    def set_distance(self, change: DistanceChange) -> list[DistanceView]:
        """Set how far a storage is from a site, or with None for the distance let the rules say it again."""
        # Done twice it is done once.
        return self._post("/distances", change, list[DistanceView], repeat=Repeat.ALWAYS)

    def storages(self) -> list[StorageView]:
        """List the storages that hold files."""
        return self._get("/storages", list[StorageView])

    def probes(self, *, site: str | None = None, rse: str | None = None) -> list[ProbeView]:
        """List what the newest probes of sites could read and write at storages."""
        return self._get("/probes", list[ProbeView], {"site": site, "rse": rse})

    # How it is sent

    def _change(self, workflow_id: int, act: str, reason: str) -> WorkflowView:
        # The server leaves a workflow alone that is in that state already, so a lost reply does no harm.
        message = StateChange(reason=reason)
        return self._post(f"/workflows/{workflow_id}/{act}", message, WorkflowView, repeat=Repeat.ALWAYS)

    def _select(self, workflow_id: int, act: str, stage_id: int | None, dids: Sequence[str], reason: str) -> int:
        selection = FileSelection(stage_id=stage_id, dids=list(dids), reason=reason)
        # Failing or retrying the same files twice changes nothing more, but the second answer would count none.
        return self._post(f"/workflows/{workflow_id}/files/{act}", selection, Moved).moved

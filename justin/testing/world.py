"""What the server in memory remembers, and how its workflows go on."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from justin.errors import InvalidInput, NotFound, WrongState
from justin.schemas import inputs
from justin.schemas.inputs import InputKind
from justin.schemas.specs import CampaignSpec, FileSelection, StageSpec, WorkflowSpec
from justin.schemas.views import CampaignView, EventView, FileView, JobView, ScratchTokenView, WorkflowView
from justin.states import EventType, FileState, JobState, WorkflowState

MIB = 1 << 20
FINAL_OUTPUT_BYTES = 1000
SITE = "MOCK_SITE"
RSE = "MOCK"

_STATES_BEFORE = {
    "submit": {WorkflowState.DRAFT},
    "pause": {WorkflowState.RUNNING},
    "restart": {WorkflowState.PAUSED},
    "finish": {WorkflowState.DRAFT, WorkflowState.SUBMITTED, WorkflowState.RUNNING, WorkflowState.PAUSED},
}
_STATE_AFTER = {
    "submit": WorkflowState.RUNNING,
    "pause": WorkflowState.PAUSED,
    "restart": WorkflowState.RUNNING,
    "finish": WorkflowState.FINISHED,
}
_EVENT = {
    "submit": EventType.WORKFLOW_SUBMITTED,
    "pause": EventType.WORKFLOW_PAUSED,
    "restart": EventType.WORKFLOW_RESTARTED,
    "finish": EventType.WORKFLOW_CANCELLED,
}
_WAITING = {FileState.FINDING, FileState.UNALLOCATED, FileState.ALLOCATED, FileState.OUTPUTTING}
_GIVEN_UP = {FileState.FAILED, FileState.NOTFOUND}


@dataclass(slots=True)
class Workflow:
    """A workflow as the server in memory keeps it."""

    view: WorkflowView
    stages: list[StageSpec]
    files: list[FileView] = field(default_factory=list)

    def change(self, **fields: Any) -> None:
        """Change fields of what is shown of it."""
        self.view = self.view.model_copy(update=fields)

    def stage(self, stage_id: int) -> StageSpec:
        """Get a stage by its number."""
        if not 1 <= stage_id <= len(self.stages):
            raise NotFound(f"workflow {self.view.workflow_id} has no stage {stage_id}")
        return self.stages[stage_id - 1]

    def waiting(self) -> Iterator[int]:
        """Yield the places of files that wait, while they become more."""
        for place in itertools.count():
            if place >= len(self.files):
                return
            if self.files[place].state is FileState.UNALLOCATED:
                yield place


@dataclass(slots=True)
class World:
    """Everything that the server in memory remembers."""

    user: str
    queries: Mapping[str, Sequence[str]]
    workflows: dict[int, Workflow] = field(default_factory=dict)
    campaigns: dict[int, CampaignView] = field(default_factory=dict)
    jobs: list[JobView] = field(default_factory=list)
    events: list[EventView] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    """What the jobscripts of jobs have written, by the job; a line where nothing is said."""
    code: set[str] = field(default_factory=set)
    """The hashes of the tars that were uploaded."""
    by_key: dict[str, int] = field(default_factory=dict)
    scratch_token: ScratchTokenView | None = None
    begun_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def workflow(self, workflow_id: int) -> Workflow:
        """Get a workflow by its id."""
        if workflow_id not in self.workflows:
            raise NotFound(f"there is no workflow {workflow_id}")
        return self.workflows[workflow_id]

    def find(self, mql: str) -> list[str]:
        """List the DIDs that a query finds; what MQL finds was said when the server was made."""
        query = inputs.parse(mql)
        if query.kind is InputKind.MONTE_CARLO:
            return [f"monte-carlo-{number:06d}" for first, last in query.counters for number in range(first, last + 1)]
        if query.text not in self.queries:
            raise InvalidInput(f"MockServer was not told what this query finds: {query.text}")
        return list(self.queries[query.text])

    def create(self, spec: WorkflowSpec, key: str) -> Workflow:
        """Make a draft; a key that was used gives the workflow of that time."""
        if key and key in self.by_key:
            return self.workflows[self.by_key[key]]
        self.find(spec.mql)
        if spec.campaign_id is not None and spec.campaign_id not in self.campaigns:
            raise InvalidInput(f"there is no campaign {spec.campaign_id}")
        number = len(self.workflows) + 1
        shared = spec.model_dump(include={"name", "description", "campaign_id", "scope", "mql", "priority"})
        view = WorkflowView(
            workflow_id=number,
            user=self.user,
            state=WorkflowState.DRAFT,
            state_message="",
            created_at=datetime.now(UTC),
            submitted_at=None,
            started_at=None,
            finished_at=None,
            refind_until=spec.refind_until,
            **shared,
        )
        self.workflows[number] = Workflow(view, list(spec.stages))
        self.by_key[key or f"workflow {number}"] = number
        self.tell(EventType.WORKFLOW_CREATED, number)
        return self.workflows[number]

    def add_campaign(self, spec: CampaignSpec) -> CampaignView:
        """Make a campaign."""
        number = len(self.campaigns) + 1
        self.campaigns[number] = CampaignView(
            campaign_id=number,
            name=spec.name,
            description=spec.description,
            user=self.user,
            created_at=datetime.now(UTC),
        )
        return self.campaigns[number]

    def add_stage(self, workflow: Workflow, stage: StageSpec) -> None:
        """Add a stage to a draft."""
        if workflow.view.state is not WorkflowState.DRAFT:
            raise WrongState(f"workflow {workflow.view.workflow_id} is {workflow.view.state}, no draft")
        workflow.stages.append(stage)

    def change(self, workflow: Workflow, act: str, reason: str) -> None:
        """Submit, pause, restart or finish a workflow."""
        view = workflow.view
        if view.state is _STATE_AFTER[act]:
            return
        if view.state not in _STATES_BEFORE[act]:
            raise WrongState(f"workflow {view.workflow_id} is {view.state}: it cannot {act}")
        if act == "submit":
            self._start(workflow)
        finished = {"finished_at": datetime.now(UTC)} if act == "finish" else {}
        workflow.change(state=_STATE_AFTER[act], state_message=reason, **finished)
        self.tell(_EVENT[act], view.workflow_id)

    def _start(self, workflow: Workflow) -> None:
        if not workflow.stages:
            raise InvalidInput("the workflow has no stage: add one first")
        now = datetime.now(UTC)
        workflow.change(submitted_at=now, started_at=now)
        monte_carlo = inputs.parse(workflow.view.mql).kind is InputKind.MONTE_CARLO
        for did in self.find(workflow.view.mql):
            own = did.replace("monte-carlo-", f"monte-carlo-{workflow.view.workflow_id:06d}-") if monte_carlo else did
            self.add_file(workflow, own, 1, FileState.UNALLOCATED)

    def add_file(self, workflow: Workflow, did: str, stage_id: int | None, state: FileState, job: str = "") -> None:
        """Add an input of a stage, or a final output."""
        workflow.files.append(
            FileView(
                file_id=len(workflow.files) + 1,
                workflow_id=workflow.view.workflow_id,
                stage_id=stage_id,
                did=did,
                state=state,
                allocations=0,
                jobsub_id=None,
                creator_jobsub_id=job or None,
                size_bytes=FINAL_OUTPUT_BYTES if job else None,
                adler32="00000001" if job else None,
            )
        )

    def select(self, workflow: Workflow, act: str, selection: FileSelection) -> int:
        """Give up waiting files, or let given up ones wait again; returns how many."""
        sources, state = (_WAITING, FileState.FAILED) if act == "fail" else (_GIVEN_UP, FileState.UNALLOCATED)
        places = [
            place
            for place, each in enumerate(workflow.files)
            if each.state in sources
            and selection.stage_id in {None, each.stage_id}
            and (not selection.dids or each.did in selection.dids)
        ]
        for place in places:
            workflow.files[place] = workflow.files[place].model_copy(update={"state": state})
        self.finish_if_done(workflow)
        return len(places)

    def tell(self, event_type: EventType, workflow_id: int, **fields: Any) -> None:
        """Note that something happened."""
        unknown = dict.fromkeys(set(EventView.model_fields) - {"event_id", "event_type", "time", "actor"})
        known = {"workflow_id": workflow_id, **fields}
        self.events.append(
            EventView(
                event_id=len(self.events) + 1,
                event_type=event_type,
                time=datetime.now(UTC),
                actor=self.user,
                **{**unknown, **known},
            )
        )

    def process(self, workflow: Workflow, count: int | None) -> int:
        """Let one job after the other process a waiting file; returns how many there were."""
        done = 0
        if workflow.view.state is WorkflowState.RUNNING:
            for place in itertools.islice(workflow.waiting(), count):
                self._process_one(workflow, place)
                done += 1
            self.finish_if_done(workflow)
        return done

    def _process_one(self, workflow: Workflow, place: int) -> None:
        taken = workflow.files[place]
        job = self._finished_job(workflow.view.workflow_id, taken.stage_id)
        update = {"state": FileState.PROCESSED, "allocations": taken.allocations + 1, "jobsub_id": job.jobsub_id}
        workflow.files[place] = taken.model_copy(update=update)
        number = taken.stage_id or 1
        self.tell(EventType.FILE_PROCESSED, workflow.view.workflow_id, stage_id=number, did=taken.did)
        for pattern, output in enumerate(workflow.stage(number).outputs, start=1):
            did = f"{workflow.view.scope}:w{workflow.view.workflow_id}s{number}p{pattern}-{taken.file_id:06d}"
            if output.for_next_stage:
                self.add_file(workflow, did, number + 1, FileState.UNALLOCATED, job.jobsub_id)
            else:
                self.add_file(workflow, did, None, FileState.OUTPUT, job.jobsub_id)

    def _finished_job(self, workflow_id: int, stage_id: int | None) -> JobView:
        now = datetime.now(UTC)
        job = JobView(
            job_id=len(self.jobs) + 1,
            jobsub_id=f"{len(self.jobs) + 1}.0@mock",
            state=JobState.FINISHED,
            state_message="",
            workflow_id=workflow_id,
            stage_id=stage_id,
            site=SITE,
            entry="mock",
            hostname="mock",
            submitted_at=now,
            started_at=now,
            heartbeat_at=now,
            finished_at=now,
            jobscript_exit=0,
            real_seconds=1.0,
            cpu_seconds=1.0,
            max_rss_bytes=MIB,
            inputs=1,
            logs_did=f"justin-logs:{len(self.jobs) + 1}.0-mock.logs.tgz",
        )
        self.jobs.append(job)
        return job

    def finish_if_done(self, workflow: Workflow) -> None:
        """Finish a running workflow in which nothing waits any more."""
        if workflow.view.state is WorkflowState.RUNNING and not any(each.state in _WAITING for each in workflow.files):
            workflow.change(state=WorkflowState.FINISHED, finished_at=datetime.now(UTC))
            self.tell(EventType.WORKFLOW_FINISHED, workflow.view.workflow_id)

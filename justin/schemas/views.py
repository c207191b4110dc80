"""What the API shows of workflows, stages, files, jobs and events."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from justin.states import EventType, FileState, Integrity, JobState, ProbeState, Source, WorkflowState

Item = TypeVar("Item")


class View(BaseModel):
    """A reply; a client ignores fields that a newer server adds."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class OutputView(View):
    """A kind of output of a stage, and what has come of it."""

    pattern_id: int
    pattern: str
    destination: str
    for_next_stage: bool
    lifetime_seconds: int | None
    rse_expression: str
    dataset: str
    """DID of the destination dataset, or the address."""
    files: int = 0
    size_bytes: int = 0


class RepositoryView(View):
    """A git repository that a stage's jobs find in their workspace."""

    repository: str
    """`ORG/REPO`."""
    tag: str
    """The tag, branch or commit that was asked for."""
    commit: str
    """What that was when the stage was made: what jobs get, wherever the tag is now."""
    content_sha256: str = ""
    """Of the tar that is published; empty until then."""
    path: str = ""
    """Where jobs see its files; empty until then."""
    message: str = ""
    """What its user should know of it."""


class StageView(View):
    """A stage with its counts."""

    workflow_id: int
    stage_id: int
    """Its number in the workflow, from 1."""
    jobscript_sha256: str
    jobscript_git: str
    jobscript_commit: str = ""
    """The commit that `jobscript_git` was when the stage was made."""
    git_repos: list[RepositoryView] = []
    image: str
    processors: int
    rss_bytes: int
    wall_seconds: int
    max_distance: int
    gpus: int
    max_allocations: int
    max_files_per_job: int
    environment: dict[str, str] = {}
    outputs: list[OutputView] = []
    files: dict[FileState, int] = {}
    jobs: dict[JobState, int] = {}


class WorkflowView(View):
    """A workflow with its counts."""

    workflow_id: int
    name: str
    description: str
    user: str
    campaign_id: int | None
    scope: str
    mql: str
    state: WorkflowState
    state_message: str
    priority: int
    created_at: datetime
    submitted_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    refind_until: datetime | None = None
    warnings: list[str] = []
    """What its owner should know: tags that moved, repositories that are gone or cannot be given as a whole."""
    archived_at: datetime | None = None
    """When it left for the archive; None while it has not."""
    integrity: Integrity = Integrity.UNKNOWN
    """Whether the books of its outputs agree, as of the time that follows."""
    integrity_at: datetime | None = None
    stages: list[StageView] = []


class FileView(View):
    """A file of a workflow."""

    file_id: int
    workflow_id: int
    stage_id: int | None
    """The number of the stage that takes it."""
    did: str
    state: FileState
    allocations: int
    jobsub_id: str | None
    """The job that holds it, or held it last."""
    creator_jobsub_id: str | None
    size_bytes: int | None
    adler32: str | None
    url: str | None = None
    """Where it lies in scratch space; None for what the catalogues know."""


class ReplicaView(View):
    """A copy of a file."""

    did: str
    rse: str
    wan_pfn: str
    lan_pfn: str | None


class JobGpuView(View):
    """A GPU that a job was given."""

    name: str
    uuid: str
    memory_bytes: int
    compute_capability: float
    runtime_version: float
    """The CUDA runtime that the driver serves."""
    driver_version: str = ""
    vbios_version: str = ""


class JobView(View):
    """A job."""

    job_id: int
    jobsub_id: str
    state: JobState
    state_message: str
    workflow_id: int | None
    stage_id: int | None
    site: str | None
    entry: str
    hostname: str
    submitted_at: datetime
    started_at: datetime | None
    heartbeat_at: datetime | None
    finished_at: datetime | None
    jobscript_exit: int | None
    real_seconds: float | None
    cpu_seconds: float | None
    max_rss_bytes: int | None
    inputs: int = 0
    """How often it was given a file."""
    outputs: int = 0
    logs_did: str | None = None
    """Of its logs.tgz, once the catalogues know that."""
    gpus: list[JobGpuView] = []
    """Those that it was given, as it found them at its start."""


class EventView(View):
    """One thing that happened."""

    event_id: int
    event_type: EventType
    time: datetime
    actor: str
    workflow_id: int | None
    stage_id: int | None
    did: str | None
    jobsub_id: str | None
    site: str | None
    entry: str | None
    rse: str | None
    seconds: float | None
    details: dict[str, Any] | None
    source: Source | None = None
    """By which way a person did it; None when it was no person, whose acts have from, to and message in `details`."""


class DatasetView(View):
    """A dataset that holds outputs of a workflow."""

    did: str
    kind: str
    stage_id: int
    pattern_id: int
    rse: str | None
    files: int
    closed_at: datetime | None


class CampaignView(View):
    """A campaign with its workflows by state."""

    campaign_id: int
    name: str
    description: str
    user: str
    created_at: datetime
    workflows: dict[WorkflowState, int] = {}


class JobLogView(View):
    """A log of a job."""

    jobsub_id: str
    kind: str
    saved_at: datetime
    size_bytes: int
    text: str


class SiteView(View):
    """A place with job slots."""

    name: str
    country: str
    region: str
    enabled: bool
    disabled_reason: str
    last_seen_at: datetime
    retired_at: datetime | None = None
    """Since when it has no entry any more."""
    entries: int = 0
    """Those that their pilot factories use, as in the next."""
    gpu_entries: int = 0
    container_entries: int = 0
    """Those where jobs have shown that they can start containers."""


class EntryView(View):
    """A way into a site's batch system, as a pilot factory uses it."""

    name: str
    site: str
    source: str
    """The file that configures it, or `settings`; empty for one made by hand."""
    enabled: bool
    processors: int
    rss_bytes: int
    """0 when it is not known, as the next."""
    wall_seconds: int
    gpus: int
    gpus_always: bool
    """Whether it is there for GPU jobs alone."""
    inner_container: bool | None
    """Whether jobs can start containers there; None until one has told."""
    inner_container_at: datetime | None
    inner_container_jobsub_id: str
    """The job that told."""
    last_seen_at: datetime


class UsageView(View):
    """How much of a storage an account uses, and may."""

    account: str
    used_bytes: int
    limit_bytes: int | None
    """None without a limit."""


class StorageView(View):
    """A storage element (RSE)."""

    name: str
    site: str | None
    country: str
    region: str
    tape: bool
    readable: bool
    writable: bool
    disabled_reason: str
    occupancy: float
    """Used over total, from 0 to 1."""
    last_seen_at: datetime
    retired_at: datetime | None = None
    """Since when Rucio does not know it any more."""
    deterministic: bool | None = None
    """None until Rucio has told, as the next."""
    used_bytes: int | None = None
    total_bytes: int | None = None
    protocols: dict[str, dict[str, list[str]]] = {}
    """For each domain and operation the schemes, the preferred first."""
    usages: list[UsageView] = []


class DistanceView(View):
    """How far a storage is from a site: 0 is beside it, 100 the far end, 101 never."""

    site: str
    storage: str
    distance: int
    by_hand: bool
    """Whether a person has set it."""
    by_rule: int | None
    """What the rules of the settings say."""


class ProbeView(View):
    """What the newest probe of a site, or of an entry with GPUs there, could do at a storage."""

    site: str
    gpu_entry: str
    """The entry with GPUs; empty for any entry of the site."""
    storage: str
    distance: int
    state: ProbeState
    read_ok: bool | None
    """Null for what was not tried, like the others."""
    read_seconds: float | None
    write_ok: bool | None
    write_seconds: float | None
    message: str
    """What went wrong."""
    at: datetime | None
    jobsub_id: str | None
    offered_for_reading: bool
    """Whether jobs at the site are given files of the storage, as far as probes decide it."""
    offered_for_writing: bool


class QueryPreview(View):
    """What a query would find now."""

    count: int
    total_size_bytes: int | None = None
    sample: list[str] = []


class Identity(View):
    """Who the caller is taken for."""

    user: str
    groups: list[str] = []
    is_admin: bool = False
    instance: str = ""


class ServerTime(View):
    """The server's clock and version."""

    time: datetime
    version: str
    instance: str


class ScratchTokenView(View):
    """What is told of a user's token for https:// destinations: never the token itself."""

    user: str
    set_at: datetime
    expires_at: datetime


class Moved(View):
    """How many things an act changed."""

    moved: int


class Page(View, Generic[Item]):
    """A part of a list; ask again with `after` for the next."""

    items: list[Item]
    next_after: int | None = None
    """None at the end."""


class Problem(View):
    """An error, as RFC 9457 shapes it, with the code that the client turns back into a class."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    errors: Annotated[list[dict[str, Any]], Field(default_factory=list)]

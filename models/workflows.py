"""What users ask for: campaigns, workflows, their stages, and all that a stage says about its jobs."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from justin.states import WorkflowState
from models.columns import document, moment, now, words


class Campaign(SQLModel, table=True):
    """Workflows that belong together."""

    __tablename__ = "campaigns"

    campaign_id: int | None = Field(default=None, primary_key=True)
    name: str = ""
    description: str = ""
    user_id: int = Field(foreign_key="users.user_id")
    created_at: datetime = now()


class Workflow(SQLModel, table=True):
    """A query for input files and the stages that process them."""

    __tablename__ = "workflows"
    __table_args__ = (
        Index("workflows_unfinished", "state", postgresql_where=text("state NOT IN ('finished', 'failed')")),
        Index("workflows_due", "refind_next_at", postgresql_where=text("state = 'running'")),
    )

    workflow_id: int | None = Field(default=None, primary_key=True)
    name: str = ""
    description: str = ""
    user_id: int = Field(foreign_key="users.user_id", index=True)
    campaign_id: int | None = Field(default=None, foreign_key="campaigns.campaign_id", index=True)
    scope: str = Field(foreign_key="scopes.name")
    mql: str
    """MQL, `rucio-dataset SCOPE:NAME` or `monte-carlo N`."""
    state: WorkflowState = Field(default=WorkflowState.DRAFT, sa_type=words(WorkflowState))
    state_message: str = ""
    """Why it is in that state, in a sentence for its owner."""
    priority: int = 50
    refind_interval_seconds: int | None = None
    refind_until: datetime | None = moment(default=None)
    refind_next_at: datetime | None = moment(default=None)
    """When to look for files next; null when finding is over."""
    created_at: datetime = now()
    submitted_at: datetime | None = moment(default=None)
    started_at: datetime | None = moment(default=None)
    """When it last began to run: problem counts begin anew there."""
    finished_at: datetime | None = moment(default=None)


class Stage(SQLModel, table=True):
    """One step of a workflow: a jobscript and what its jobs need."""

    __tablename__ = "stages"
    __table_args__ = (UniqueConstraint("workflow_id", "stage_number"),)

    stage_id: int | None = Field(default=None, primary_key=True)
    workflow_id: int = Field(foreign_key="workflows.workflow_id")
    stage_number: int
    """From 1 in its workflow; jobs and users know the stage by it."""
    jobscript: str
    jobscript_sha256: str
    jobscript_git: str = ""
    jobscript_commit: str = ""
    image: str = ""
    """Apptainer image; empty to run on the node itself."""
    image_digest: str = ""
    processors: int = 1
    rss_bytes: int = Field(sa_type=BigInteger)
    wall_seconds: int
    max_distance: int = 0
    gpus: int = 0
    gpu_memory_bytes: int | None = Field(default=None, sa_type=BigInteger)
    gpu_min_capability: Decimal | None = Field(default=None, max_digits=6, decimal_places=2)
    gpu_max_capability: Decimal | None = Field(default=None, max_digits=6, decimal_places=2)
    gpu_min_runtime: Decimal | None = Field(default=None, max_digits=6, decimal_places=2)
    gpu_model: str = ""
    max_allocations: int = 6
    max_files_per_job: int = 20
    max_jobs: int | None = None
    classads: dict[str, Any] | None = document()


class StageOutput(SQLModel, table=True):
    """A kind of output: a file name pattern and where what matches it goes."""

    __tablename__ = "stage_outputs"
    __table_args__ = (UniqueConstraint("stage_id", "pattern_id"),)

    output_id: int | None = Field(default=None, primary_key=True)
    stage_id: int = Field(foreign_key="stages.stage_id")
    pattern_id: int
    """From 1 in its stage."""
    pattern: str
    destination: str = ""
    """Prefix of the destination dataset, or an https:// address."""
    for_next_stage: bool = False
    lifetime_seconds: int | None = None
    rse_expression: str = ""
    numbered_files: int = 0
    """How many files were given a numbered dataset so far."""


class StageEnvironment(SQLModel, table=True):
    """An environment variable of a stage's jobscript."""

    __tablename__ = "stage_environment"

    stage_id: int = Field(foreign_key="stages.stage_id", primary_key=True)
    name: str = Field(primary_key=True)
    value: str
    position: int = 0


class StageSite(SQLModel, table=True):
    """A site that a stage is confined to; a stage without any may use all."""

    __tablename__ = "stage_sites"

    stage_id: int = Field(foreign_key="stages.stage_id", primary_key=True)
    site_id: int = Field(foreign_key="sites.site_id", primary_key=True)


class StageStorage(SQLModel, table=True):
    """A storage that a stage prefers for its outputs, in this order, or is confined to for its inputs."""

    __tablename__ = "stage_storages"

    stage_id: int = Field(foreign_key="stages.stage_id", primary_key=True)
    storage_id: int = Field(foreign_key="storages.storage_id", primary_key=True)
    for_input: bool = Field(default=False, primary_key=True)
    position: int = 0


class StageRepository(SQLModel, table=True):
    """A git repository that a stage's jobs find in their workspace."""

    __tablename__ = "stage_repositories"
    __table_args__ = (
        UniqueConstraint("stage_id", "organisation", "repository"),
        Index("stage_repositories_code", "organisation", "repository", "commit"),
    )

    repository_id: int | None = Field(default=None, primary_key=True)
    stage_id: int = Field(foreign_key="stages.stage_id")
    organisation: str
    repository: str
    tag: str
    commit: str = ""
    content_sha256: str = ""
    path: str = ""
    """Where jobs see it; empty until it is published."""
    published_at: datetime | None = moment(default=None)
    message: str = ""


class CodeReference(SQLModel, table=True):
    """A tag or branch that a workflow's code was taken from, and what it was when its host was asked last."""

    __tablename__ = "code_references"

    workflow_id: int = Field(foreign_key="workflows.workflow_id", primary_key=True)
    repository: str = Field(primary_key=True)
    """`ORG/REPO`."""
    reference: str = Field(primary_key=True)
    commit: str = Field(primary_key=True)
    """What the workflow runs."""
    kind: str
    """`tag` or `branch`."""
    seen_commit: str
    """What it was last; empty when it was gone."""
    message: str = ""
    """How it differs from what the workflow runs, in a sentence."""
    checked_at: datetime = now()
    """When its host was asked last, or is being asked."""


class SubmissionKey(SQLModel, table=True):
    """The key that a client sent with a new workflow, so that its repetition finds that workflow again."""

    __tablename__ = "submission_keys"

    user_id: int = Field(foreign_key="users.user_id", primary_key=True)
    key: str = Field(primary_key=True)
    request_sha256: str
    workflow_id: int = Field(foreign_key="workflows.workflow_id", index=True)
    created_at: datetime = now()

"""What a user writes to make a workflow; `justin submit workflow.yaml` is one WorkflowSpec."""

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, Field, StringConstraints, ValidationError, field_validator, model_validator

from justin.schemas import inputs, sentences
from justin.schemas.base import Message, RSEName, Scope, SiteName, Text

MAX_JOBSCRIPT_BYTES = 1 << 20
MAX_STAGES = 99
MAX_REPOSITORIES = 20
MAX_ADDRESS = 1000
SECONDS_PER_DAY = 86_400

_PATTERN = r"^[A-Za-z0-9*_.-]+$"
SCRATCH_SCHEME = "https://"
_SCRATCH = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:[0-9]{1,5})?(/[A-Za-z0-9._~+=@,-]*)*")
_DATASET_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_RESERVED_ENVIRONMENT = re.compile(r"JUSTIN_.*|HOME|X509_USER_PROXY|CUDA_VISIBLE_DEVICES|BEARER_TOKEN.*")

EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,254}$")]
EnvironmentValue = Annotated[str, StringConstraints(max_length=32_768, pattern=r"^[^\x00]*$")]
ClassAdName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,254}$")]
ClassAdValue = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00\r\n]*$")]
Key = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""A number that the database gave."""
DID = Annotated[str, StringConstraints(max_length=512, pattern=r"^[^\x00]*$")]
Capability = Annotated[Decimal, Field(ge=0, lt=1000, max_digits=5, decimal_places=2)]


class OutputSpec(Message):
    """A kind of output: a file name pattern, and the dataset or address it goes to."""

    pattern: Annotated[str, StringConstraints(pattern=_PATTERN, max_length=250)]
    """Letters, digits, `_`, `.`, `-` and `*`; matched in the workspace itself, never below it."""
    destination: str = ""
    """Prefix of the destination dataset's name, or an https:// address for scratch space."""
    for_next_stage: bool = False
    """Whether its files become inputs of the next stage."""
    lifetime_days: Annotated[float, Field(gt=0, le=36_500)] | None = None
    """How long Rucio keeps the files; needed unless they go to scratch space."""
    rse_expression: Annotated[str, StringConstraints(max_length=1000)] = ""
    """Where Rucio also makes copies."""

    @field_validator("destination")
    @classmethod
    def _destination_is_known_form(cls, value: str) -> str:
        if value.startswith(SCRATCH_SCHEME):
            _check_scratch(value)
        elif value and not _DATASET_PREFIX.fullmatch(value):
            raise ValueError(
                "a destination is a dataset name of letters, digits, '_', '.', '-', or an https:// address"
            )
        return value

    @property
    def to_scratch(self) -> bool:
        """Whether it goes to scratch space instead of Rucio."""
        return self.destination.startswith(SCRATCH_SCHEME)

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if self.to_scratch and self.for_next_stage:
            raise ValueError("an output in scratch space cannot be an input of the next stage")
        if not self.to_scratch and self.lifetime_days is None:
            raise ValueError("an output in Rucio needs lifetime_days (--lifetime-days)")
        return self


class GpuSpec(Message):
    """The GPUs that each job needs."""

    count: Annotated[int, Field(ge=1, le=64)] = 1
    """How many."""
    min_memory_mib: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Least memory of each, in MiB."""
    min_capability: Capability | None = None
    """Least compute capability, such as 7.5."""
    max_capability: Capability | None = None
    """Greatest compute capability."""
    min_runtime: Capability | None = None
    """Least CUDA runtime that the driver serves."""
    model: Annotated[str, StringConstraints(max_length=100, pattern=r"^[A-Za-z0-9 _.*-]*$")] = ""
    """Name of the model; `*` stands for any characters."""

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> Self:
        if self.min_capability and self.max_capability and self.min_capability > self.max_capability:
            raise ValueError("min_capability is above max_capability: no GPU can have both")
        return self


Organisation = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
RepositoryName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")]
Tag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199}$")]
CodePath = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^/\x00-\x1f\x7f]+(/[^/\x00-\x1f\x7f]+)*$")]


class RepositorySpec(Message):
    """A git repository at a tag, branch or commit, found by jobs at `$HOME/workspace/ORG/REPO`.

    In a workflow file it may be written in one piece too: `ORG/REPO:TAG`.
    """

    organisation: Organisation
    """ORG in `ORG/REPO`."""
    repository: RepositoryName
    """REPO in `ORG/REPO`."""
    tag: Tag
    """A tag, a branch, or a commit with its 40 digits."""

    @model_validator(mode="before")
    @classmethod
    def _in_one_piece(cls, value: Any) -> Any:
        return cls._parts(value) if isinstance(value, str) else value

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `ORG/REPO/TAG` or `ORG/REPO:TAG`; raises ValueError."""
        return cls.model_validate(cls._parts(text))

    @staticmethod
    def _parts(text: str) -> dict[str, str]:
        match = re.fullmatch(r"([^/:]+)/([^/:]+)[:/](.+)", text)
        if not match:
            raise ValueError(f"write a git repository as ORG/REPO:TAG, not {text[:300]!r}")
        return {"organisation": match[1], "repository": match[2], "tag": match[3]}

    @property
    def name(self) -> str:
        """`ORG/REPO`."""
        return f"{self.organisation}/{self.repository}"


class JobscriptReference(Message):
    """A jobscript in a git repository."""

    organisation: Organisation
    repository: RepositoryName
    path: CodePath
    tag: Tag

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `ORG/REPO/PATH/X.jobscript:TAG`; raises ValueError."""
        place, colon, tag = text.partition(":")
        if not (colon and tag):
            raise ValueError(f"{text[:300]!r} has no tag: end it with ':' and a tag, a branch or a commit")
        organisation, _, rest = place.partition("/")
        repository, _, path = rest.partition("/")
        if not path:
            raise ValueError(f"write a jobscript in git as ORG/REPO/PATH/X.jobscript:TAG, not {text[:300]!r}")
        if not {".", ".."}.isdisjoint(path.split("/")):
            raise ValueError(f"the path {path!r} leads elsewhere: write it without '.' and '..'")
        try:
            return cls(organisation=organisation, repository=repository, path=path, tag=tag)
        except ValidationError as error:
            raise ValueError("; ".join(str(each) for each in sentences.of(error))) from error

    @property
    def name(self) -> str:
        """`ORG/REPO`."""
        return f"{self.organisation}/{self.repository}"


class StageSpec(Message):
    """One step of a workflow: a jobscript and what each of its jobs needs."""

    jobscript: str = ""
    """Its text, from `#!` on."""
    jobscript_git: Annotated[str, StringConstraints(max_length=1000)] = ""
    """`ORG/REPO/PATH/X.jobscript:TAG` instead of the text."""
    git_repos: Annotated[list[RepositorySpec], Field(max_length=MAX_REPOSITORIES)] = []
    """Repositories that jobs find in their workspace."""
    image: Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00\s]*$")] = ""
    """Apptainer image; empty runs the jobscript on the node itself."""
    processors: Annotated[int, Field(ge=1, le=1024)] = 1
    """Processors for each job."""
    rss_mib: Annotated[int, Field(ge=1, le=16_000_000)] = 2000
    """Memory for each job, in MiB."""
    wall_seconds: Annotated[int, Field(ge=1, le=2_592_000)] = 80_000
    """Time limit of each job."""
    max_distance: Annotated[int, Field(ge=0, le=100)] | None = None
    """Farthest storage that inputs are read from; 0 by default, 100 for Monte Carlo."""
    gpus: GpuSpec | None = None
    """GPUs for each job; none when left out."""
    outputs: list[OutputSpec] = []
    """Which files of the workspace are kept."""
    output_rses: list[RSEName] = []
    """Storages to try first for outputs, in order."""
    input_rses: list[RSEName] = []
    """Storages to read inputs from; all when empty."""
    sites: list[SiteName] = []
    """Sites to run at; all when empty."""
    environment: dict[EnvironmentName, EnvironmentValue] = {}
    """Variables for the jobscript, besides those that every job has."""
    classads: dict[ClassAdName, ClassAdValue] = {}
    """Attributes for the ads of the stage's jobs."""
    max_allocations: Annotated[int, Field(ge=1, le=100)] = 6
    """How often a file is given to jobs before it counts as failed."""
    max_files_per_job: Annotated[int, Field(ge=1, le=1000)] = 20
    """How many files one job may get."""
    max_jobs: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """How many jobs may run at once."""

    @field_validator("jobscript")
    @classmethod
    def _jobscript_is_a_script(cls, value: str) -> str:
        return check_jobscript(value)

    @field_validator("jobscript_git")
    @classmethod
    def _jobscript_git_names_a_file(cls, value: str) -> str:
        if value:
            JobscriptReference.parse(value)
        return value

    @field_validator("git_repos")
    @classmethod
    def _repositories_have_places_of_their_own(cls, value: list[RepositorySpec]) -> list[RepositorySpec]:
        names = [each.name for each in value]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"the repository {name} is given twice, and has one place in the workspace")
        return value

    @field_validator("environment")
    @classmethod
    def _environment_leaves_ours_alone(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if _RESERVED_ENVIRONMENT.fullmatch(name):
                raise ValueError(f"the variable {name} is set by the system and cannot be given")
        return value

    @model_validator(mode="after")
    def _has_one_jobscript(self) -> Self:
        if bool(self.jobscript.strip()) == bool(self.jobscript_git):
            raise ValueError("give a jobscript that is not empty, or jobscript_git, and not both")
        return self


class WorkflowSpec(Message):
    """A whole workflow in one document."""

    name: Text = ""
    """A short name for lists."""
    description: Text = ""
    """What it is for."""
    scope: Scope = "usertests"
    """The scope of its outputs, in Rucio and MetaCat."""
    campaign_id: Key | None = None
    """The campaign that it belongs to."""
    mql: Annotated[str, StringConstraints(max_length=65_536, pattern=r"^[^\x00]*$")]
    """MQL, `rucio-dataset SCOPE:NAME`, `monte-carlo N` or `monte-carlo counters 1,4,10-19`."""
    refind_interval_hours: Annotated[float, Field(gt=0, le=8760)] | None = None
    """How often to look for new files."""
    refind_until: AwareDatetime | None = None
    """Until when to look for new files; once only when left out."""
    priority: Annotated[int, Field(ge=0, le=100)] = 50
    """Higher goes first among the workflows of one quota."""
    stages: Annotated[list[StageSpec], Field(max_length=MAX_STAGES)] = []
    """The stages in their order; each gets its inputs from the one before it."""

    @field_validator("mql")
    @classmethod
    def _query_is_known_form(cls, value: str) -> str:
        return inputs.parse(value).text

    @model_validator(mode="after")
    def _stages_connect(self) -> Self:
        check_chain(self.stages)
        return self


class StageAddition(Message):
    """A stage to be added at the end of a draft."""

    stage: StageSpec


class CampaignSpec(Message):
    """A campaign to be made."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    description: Text = ""


class QuerySpec(Message):
    """A query to be tried."""

    mql: Annotated[str, StringConstraints(max_length=65_536, pattern=r"^[^\x00]*$")]


class FileSelection(Message):
    """Which files of a workflow an act is about; all of the stage when no DID is given."""

    stage_id: Key | None = None
    dids: Annotated[list[DID], Field(max_length=100_000)] = []
    reason: Text = ""


class ScratchTokenSpec(Message):
    """The token with which a user's jobs upload to https:// destinations."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=16_384, pattern=r"^[!-~]+$")] = Field(repr=False)
    expires_at: AwareDatetime | None = None
    """Until when it is good; needed for a token that does not say so itself."""
    reason: Text = ""


class DistanceChange(Message):
    """How far a storage is from a site, as a person says it."""

    site: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    rse: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    distance: Annotated[int, Field(ge=0, le=101)] | None
    """0 is beside it, 100 the far end, 101 never; None for what the rules of the settings say."""
    reason: Text = ""


class StateChange(Message):
    """Why a person changes the state of something."""

    reason: Text = ""


def check_jobscript(text: str) -> str:
    """Return the text; raises ValueError for one that no job could run."""
    if len(text.encode()) > MAX_JOBSCRIPT_BYTES:
        raise ValueError(f"the jobscript is larger than {MAX_JOBSCRIPT_BYTES} bytes: put data elsewhere")
    if "\x00" in text:
        raise ValueError("the jobscript holds a NUL byte: it is not a script")
    if text.strip() and not text.startswith("#!"):
        raise ValueError("the jobscript must begin with '#!' and the program that runs it, as in '#!/bin/bash'")
    return text


def check_chain(stages: list[StageSpec]) -> None:
    """Raise ValueError unless each stage but the first gets inputs from the one before it, and the last gives none."""
    check_links([any(output.for_next_stage for output in stage.outputs) for stage in stages])


def check_links(passes_on: Sequence[bool]) -> None:
    """Do as `check_chain`, knowing of each stage only whether it has outputs for the next."""
    for number, passes in enumerate(passes_on, start=1):
        if passes and number == len(passes_on):
            raise ValueError(f"stage {number} has outputs for the next stage, and there is none")
        if not passes and number < len(passes_on):
            raise ValueError(
                f"stage {number} has no output for the next stage, so stage {number + 1} would wait for ever"
            )


def _check_scratch(address: str) -> None:
    if not _SCRATCH.fullmatch(address) or {".", ".."} & set(address.split("/")) or len(address) > MAX_ADDRESS:
        raise ValueError(
            "an https:// destination is a host and a path of letters, digits, and any of '._~+=@,-', without a query"
        )


def end_of_day(day: str) -> datetime:
    """Turn `YYYYMMDD` into the last second of that UTC day; raises ValueError."""
    return datetime.strptime(f"{day} 23:59:59 +0000", "%Y%m%d %H:%M:%S %z")

"""What two workflows have in common, and what not."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import computed_field

from justin.schemas.views import RepositoryView, View, WorkflowView


class Part(StrEnum):
    """What a value is about, in the order in which values are listed."""

    WORKFLOW = "workflow"
    INPUT = "input"
    JOBSCRIPT = "jobscript"
    IMAGE = "image"
    RESOURCES = "resources"
    GPUS = "gpus"
    ENVIRONMENT = "environment"
    OUTPUTS = "outputs"
    PLACES = "places"
    CLASSADS = "classads"
    SOFTWARE = "software"
    FILES = "files"
    JOBS = "jobs"
    FAILURES = "failures"
    USAGE = "usage"
    MADE = "made"


DEFINITION: Final = frozenset(
    {
        *(Part.INPUT, Part.JOBSCRIPT, Part.IMAGE, Part.RESOURCES, Part.GPUS),
        *(Part.ENVIRONMENT, Part.OUTPUTS, Part.PLACES, Part.CLASSADS),
    }
)
"""What was asked for, unlike whose it is and what became of it."""


class ValueDiff(View):
    """A value of both workflows; None where one has none."""

    part: Part
    name: str
    """As workflow files and the API name it, with its unit; of outputs after their number, as in `p1 pattern`."""
    first: Any = None
    second: Any = None

    @computed_field  # type: ignore[prop-decorator]  # pydantic reads the decorators in this order
    @property
    def equal(self) -> bool:
        """Whether both have the same."""
        return bool(self.first == self.second)


class CommitView(View):
    """A commit of a repository's history."""

    commit: str
    author: str
    at: datetime
    subject: str


class RepositoryDiff(View):
    """A git repository of a stage in one workflow or both."""

    repository: str
    """`ORG/REPO`."""
    first: RepositoryView | None
    """None where the stage has it not."""
    second: RepositoryView | None
    only_in_first: list[CommitView] = []
    """The newest of the commits that the second has not, the newest first."""
    only_in_second: list[CommitView] = []
    more: bool = False
    """Whether there are more of them than were asked for."""
    problem: str = ""
    """Why they are not all here."""

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def equal(self) -> bool:
        """Whether both have the same commit, by the same name."""
        if self.first is None or self.second is None:
            return False
        return (self.first.tag, self.first.commit) == (self.second.tag, self.second.commit)


class StageOutcome(View):
    """What jobs have told of a stage: of all, or of the newest that started and ended where there are many."""

    stage_id: int
    """Its number in the workflow, from 1."""
    image_digest: str = ""
    wrapper_versions: list[str] = []
    ended_jobs: int = 0
    """How many were looked at."""
    finished_jobs: int = 0
    """How many of those finished well: what the medians are of."""
    median_real_seconds: float | None = None
    median_cpu_efficiency: float | None = None
    """Processor time over real time and processors asked for."""
    median_max_rss_bytes: int | None = None
    failures: dict[str, int] = {}
    """Jobs by the way in which they failed, the most frequent first, at most 20 ways."""


class StageDiff(View):
    """The stages of one number."""

    stage_id: int
    first: StageOutcome | None
    """None where the workflow has no such stage."""
    second: StageOutcome | None
    values: list[ValueDiff]
    """By part."""
    jobscript_diff: str
    """As `diff -u` writes it; empty when the texts are the same."""
    jobscript_message: str = ""
    """Why there is no such diff though they differ."""
    repositories: list[RepositoryDiff]

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return self.same_definition and all(each.equal for each in self.values)

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def same_definition(self) -> bool:
        """Whether the same was asked for."""
        same = not self.jobscript_diff and all(each.equal for each in self.repositories)
        return bool(self.first and self.second and same) and _same_definition(self.values)


class WorkflowDiff(View):
    """Two workflows, side by side: everything is here, equal or not."""

    first: WorkflowView
    """Without its stages."""
    second: WorkflowView
    most_jobs: int
    """So many of the newest jobs of each stage were looked at, at most."""
    problems: list[str] = []
    """Why something that is asked of others is not here."""
    values: list[ValueDiff]
    stages: list[StageDiff]

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return all(each.equal for each in self.values) and all(each.equal for each in self.stages)

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def same_definition(self) -> bool:
        """Whether the same was asked for, whatever became of it."""
        return _same_definition(self.values) and all(each.same_definition for each in self.stages)


def _same_definition(values: list[ValueDiff]) -> bool:
    return all(each.equal for each in values if each.part in DEFINITION)

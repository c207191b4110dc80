"""What the API answers when it is asked why files wait."""

from datetime import datetime

from justin.schemas.views import FileView, View
from justin.states import FactoryLimit, FileState, JobState


class PlaceVerdict(View):
    """Whether jobs of a stage at a site may have the files that wait at a storage."""

    site: str
    rse: str
    distance: int | None
    """None when it is not known."""
    files: int
    """How many wait there."""
    filter: str | None
    """The first condition that is not met; None when jobs may have the files."""
    why: str
    unmet: list[str]
    """All conditions that are not met, in the order in which they are asked."""


class FilterCount(View):
    """What a condition takes away of what the conditions before it left."""

    filter: str
    why: str
    places: int
    """Sites with a storage each."""
    files: int


class Change(View):
    """A single change, and how many more files jobs could have after it."""

    filter: str
    change: str
    files: int


class EndedUnstarted(View):
    """Jobs of the last day that ended before they started, in the same way."""

    state: JobState
    message: str
    jobs: int
    last_seconds: float
    """Ago."""


class FactoryView(View):
    """What the job factory made of a stage when it last looked."""

    decided_at: datetime
    waiting_files: int
    """Within reach, counted as far as they could matter."""
    queued_jobs: int
    running_jobs: int
    files_per_job: float
    """That a job is taken to process."""
    success_rate: float
    """The share of jobs that are taken to end well."""
    wanted_jobs: int
    """More than there were."""
    submitted_jobs: int
    limited_by: FactoryLimit
    sentence: str
    """Why there were no more."""
    sites: list[str]
    """Where the stage's queued jobs may run; where they could, when none is queued."""


class PoolVerdict(View):
    """What the pool makes of the jobs that were submitted for a stage."""

    queued_jobs: int
    oldest_queued_seconds: float | None
    running_jobs: int
    ended_unstarted: list[EndedUnstarted]
    factory: FactoryView | None = None
    """None when the job factory has not looked at the stage, or does not any more."""


class StageExplanation(View):
    """Why the files of a stage wait."""

    stage_id: int
    """Its number in the workflow."""
    answer: str
    """In a sentence."""
    files: dict[FileState, int]
    waiting_files: int
    """Of those that were asked about, the ones that wait for a job."""
    open_files: int
    """Those of them that jobs may have somewhere."""
    changes: list[Change]
    """Single changes that would help, the most helpful first."""
    removed: list[FilterCount]
    places: list[PlaceVerdict]
    pool: PoolVerdict


class AvoidedNodeView(View):
    """A node that gets no work for a while, because job after job failed there at once."""

    site: str
    hostname: str
    until: datetime
    failed_jobs: int


class Explanation(View):
    """Why the files of a workflow wait."""

    workflow_id: int
    site: str | None
    """The only site that was looked at."""
    file: FileView | None
    """The only file that was looked at."""
    stages: list[StageExplanation]
    avoided_nodes: list[AvoidedNodeView] = []
    """Whatever waits, their slots do not take it."""
    warnings: list[str] = []
    """What the workflow's owner should know of its code."""

"""What is shown of archived workflows: read from their objects, as the API shows workflows that are not archived."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from engine import archive_objects
from engine.errors import NotFound, WrongState
from engine.runtime import Runtime
from justin.schemas.explanations import Explanation, PoolVerdict, StageExplanation
from justin.schemas.specs import WorkflowSpec
from justin.schemas.views import DatasetView, EventView, FileView, JobView, ReplicaView, StageView, View, WorkflowView
from models.database import Session
from models.queries import archives, events
from models.queries.archives import Located
from models.queries.events import EventFilter
from models.queries.files import FileFilter
from models.queries.jobs import JobFilter

Shown = TypeVar("Shown", bound=View)


@dataclass(frozen=True, slots=True)
class Archive:
    """The object of one archived workflow; each look into it reads it from disk, and keeps no more than a page."""

    located: Located

    @property
    def workflow_id(self) -> int:
        """The workflow's number."""
        return self.located.view.workflow_id

    def workflow(self) -> WorkflowView:
        """Show the workflow with its stages."""
        return self.located.view.model_copy(update={"stages": self.stages()})

    def spec(self) -> WorkflowSpec:
        """Return what would make the same workflow anew; raises `NotFound` when that was not kept."""
        for value in self._lines("spec"):
            return WorkflowSpec.model_validate(value)
        raise NotFound(f"The archive does not say how the workflow {self.workflow_id} was made.")

    def stages(self) -> list[StageView]:
        """Show the stages with their counts."""
        return [stage for value in self._lines("workflow") for stage in WorkflowView.model_validate(value).stages]

    def stage(self, number: int) -> StageView:
        """Show one stage; raises `NotFound`."""
        for stage in self.stages():
            if stage.stage_id == number:
                return stage
        raise NotFound(f"The workflow {self.workflow_id} has no stage {number}.")

    def jobscript(self, number: int) -> str:
        """Return the text of a stage's jobscript; raises `NotFound`."""
        for text in islice(self._lines("jobscript"), number - 1, None):
            return str(text)
        raise NotFound(f"The workflow {self.workflow_id} has no stage {number}.")

    def datasets(self) -> list[DatasetView]:
        """Show the datasets of the outputs."""
        return list(self._views("dataset", DatasetView))

    def files(self, wanted: FileFilter, limit: int, after: int) -> list[FileView]:
        """Show files as `models.queries.files.list_files` does; `after` is the key of the last one seen."""
        found = self._views("file", FileView)
        if after:
            _skip(found, after)
        return list(islice((file for file in found if _is_wanted(file, wanted)), limit))

    def replicas(self, dids: Sequence[str]) -> list[ReplicaView]:
        """Show the copies of files."""
        asked = set(dids)
        return [replica for replica in self._views("replica", ReplicaView) if replica.did in asked]

    def jobs(self, wanted: JobFilter, limit: int, after: int | None) -> list[JobView]:
        """Show jobs, newest first; `after` is the key of the last one seen."""
        found = (
            job
            for job in self._views("job", JobView)
            if (after is None or job.job_id < after)
            and _fits(wanted.stage_id, job.stage_id)
            and _fits(wanted.state, job.state)
            and _fits(wanted.site, job.site)
        )
        return list(islice(found, limit))

    def events(
        self, session: Session, wanted: EventFilter, limit: int, after: int | None, *, oldest_first: bool
    ) -> list[EventView]:
        """Show events as `models.queries.events.list_events` does, with what happened since the object was written."""
        kept = (event for event in self._views("event", EventView) if _is_event_wanted(event, wanted))
        last = self.located.last_event_id
        if oldest_first:
            early = deque((event for event in kept if event.event_id > (after or 0)), maxlen=limit)
            late = events.list_events(session, wanted, limit, max(after or 0, last), oldest_first=True)
            return [*reversed(early), *late][:limit]
        late = [event for event in events.list_events(session, wanted, limit, after) if event.event_id > last]
        rest = (event for event in kept if after is None or event.event_id < after)
        return [*late, *islice(rest, limit - len(late))]

    def explain(self, number: int | None) -> Explanation:
        """Say how the workflow ended: nothing of it waits any more. Raises `NotFound`."""
        chosen = self.stages() if number is None else [self.stage(number)]
        told = [_explained(self.located.view, stage) for stage in chosen]
        return Explanation(workflow_id=self.workflow_id, site=None, file=None, stages=told)

    def _views(self, kind: str, shape: type[Shown]) -> Iterator[Shown]:
        return (shape.model_validate(value) for value in self._lines(kind))

    def _lines(self, kind: str) -> Iterator[Any]:
        return archive_objects.read(self.located.location, self.located.sections, kind)


def find(runtime: Runtime, workflow_id: int) -> Archive | None:
    """Return an archived workflow; None for one that is in the hot tables, or that there never was."""
    with runtime.session() as session:
        located = archives.one_archived(session, workflow_id)
    return Archive(located) if located else None


def refuse(runtime: Runtime, workflow_id: int) -> None:
    """Raise `WrongState` for an archived workflow: it can only be looked at, and made anew."""
    if find(runtime, workflow_id):
        raise WrongState(
            f"The workflow {workflow_id} is archived: make it anew with what `justin write-workflow` writes."
        )


def _skip(found: Iterator[FileView], after: int) -> None:
    for file in found:
        if file.file_id == after:
            return


def _fits(wanted: object, value: object) -> bool:
    return wanted is None or wanted == value


def _is_wanted(file: FileView, wanted: FileFilter) -> bool:
    pairs = ((wanted.stage_id, file.stage_id), (wanted.state, file.state), (wanted.did, file.did))
    return all(_fits(asked, value) for asked, value in pairs)


def _is_event_wanted(event: EventView, wanted: EventFilter) -> bool:
    pairs = (
        (wanted.stage_id, event.stage_id),
        (wanted.job, event.jobsub_id),
        (wanted.did, event.did),
        (wanted.event_type, event.event_type),
    )
    return all(_fits(asked, value) for asked, value in pairs)


def _explained(workflow: WorkflowView, stage: StageView) -> StageExplanation:
    counts = ", ".join(f"{count} {state}" for state, count in sorted(stage.files.items())) or "none"
    why = f" {workflow.state_message}" if workflow.state_message else ""
    return StageExplanation(
        stage_id=stage.stage_id,
        answer=f"The workflow is {workflow.state} and archived: nothing waits.{why} Its files: {counts}.",
        files=stage.files,
        waiting_files=0,
        open_files=0,
        changes=[],
        removed=[],
        places=[],
        pool=PoolVerdict(queued_jobs=0, oldest_queued_seconds=None, running_jobs=0, ended_unstarted=[]),
    )

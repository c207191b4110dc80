"""What is shown of archived workflows: read from their objects, as the API shows workflows that are not archived."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from engine import archive_objects
from engine.errors import NotFound, WrongState
from engine.runtime import Runtime
from justin import outcomes
from justin.schemas.diff import StageOutcome
from justin.schemas.explanations import Explanation, PoolVerdict, StageExplanation
from justin.schemas.integrity import FindingView, IntegrityView
from justin.schemas.specs import WorkflowSpec
from justin.schemas.views import DatasetView, EventView, FileView, JobView, ReplicaView, StageView, WorkflowView
from models.database import Session
from models.queries import archives, events
from models.queries.archives import Located
from models.queries.events import EventFilter
from models.queries.files import FileFilter
from models.queries.jobs import JobFilter

LINES_PER_JOB: Final = 5
"""So many more jobs are read than are wanted of one stage, for those of the others and those that never started."""


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
        for value in self._lines("workflow"):
            return WorkflowView.model_validate(value | self._later())
        return self.located.view

    def spec(self) -> WorkflowSpec:
        """Return what would make the same workflow anew; raises `NotFound` when that was not kept."""
        for value in self._lines("spec"):
            return WorkflowSpec.model_validate(value)
        raise NotFound(f"The archive does not say how the workflow {self.workflow_id} was made.")

    def stages(self) -> list[StageView]:
        """Show the stages with their counts."""
        return self.workflow().stages

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
        return [DatasetView.model_validate(dataset) for dataset in self._lines("dataset")]

    def files(self, wanted: FileFilter, limit: int, after: int) -> list[FileView]:
        """Show files as `models.queries.files.list_files` does; `after` is the key of the last one seen."""
        found = self._lines("file")
        if after:
            _skip(found, after)
        return [FileView.model_validate(file) for file in islice(_fitting(found, _of_file(wanted)), limit)]

    def integrity(self, limit: int) -> IntegrityView:
        """Show the badge that the workflow had last, and what the last whole check found."""
        for value in self._lines("integrity"):
            found = [FindingView.model_validate(finding) for finding in islice(self._lines("finding"), limit)]
            return IntegrityView.model_validate(value | {"findings": found})
        # Objects that were written earlier hold the badge alone.
        workflow = self.workflow()
        return IntegrityView(workflow_id=self.workflow_id, badge=workflow.integrity, checked_at=workflow.integrity_at)

    def replicas(self, dids: Sequence[str]) -> list[ReplicaView]:
        """Show the copies of files."""
        asked = set(dids)
        found = (replica for replica in self._lines("replica") if replica["did"] in asked)
        return [ReplicaView.model_validate(replica) for replica in found]

    def jobs(self, wanted: JobFilter, limit: int, after: int | None) -> list[JobView]:
        """Show jobs, newest first; `after` is the key of the last one seen."""
        conditions = {"stage_id": wanted.stage_id, "state": wanted.state, "site": wanted.site}
        found = (job for job in self._lines("job") if after is None or job["job_id"] < after)
        return [JobView.model_validate(job) for job in islice(_fitting(found, conditions), limit)]

    def events(
        self, session: Session, wanted: EventFilter, limit: int, after: int | None, *, oldest_first: bool
    ) -> list[EventView]:
        """Show events as `models.queries.events.list_events` does, with what happened since the object was written."""
        fitting = _fitting(self._lines("event"), _of_event(wanted))
        kept = (event for event in fitting if _is_of_time_and_person(event, wanted))
        last = self.located.last_event_id
        if oldest_first:
            # They are stored newest first; no more of them are kept than are shown.
            early = deque((event for event in kept if event["event_id"] > (after or 0)), maxlen=limit)
            late = events.list_events(session, wanted, limit, max(after or 0, last), oldest_first=True)
            return [*map(EventView.model_validate, reversed(early)), *late][:limit]
        late = [event for event in events.list_events(session, wanted, limit, after) if event.event_id > last]
        rest = (event for event in kept if after is None or event["event_id"] < after)
        return [*late, *map(EventView.model_validate, islice(rest, limit - len(late)))]

    def explain(self, number: int | None) -> Explanation:
        """Say how the workflow ended: nothing of it waits any more. Raises `NotFound`."""
        chosen = self.stages() if number is None else [self.stage(number)]
        told = [_explained(self.located.view, stage) for stage in chosen]
        return Explanation(workflow_id=self.workflow_id, site=None, file=None, stages=told)

    def outcomes(self, most_jobs: int) -> list[StageOutcome]:
        """Tell of each stage what its newest jobs say, at most so many of each, as `models.queries.outcomes` does."""
        stages = {stage["stage_number"]: stage for stage in self._lines("stage")}
        newest = self._newest_jobs(stages, most_jobs)
        return [
            outcomes.of_jobs(number, newest[number], processors=stage["processors"], image_digest=stage["image_digest"])
            for number, stage in stages.items()
        ]

    def _newest_jobs(self, stages: Collection[int], most: int) -> dict[int, list[JobView]]:
        """Read the newest jobs of each stage that started and ended, until there are enough of each."""
        newest: dict[int, list[JobView]] = {number: [] for number in stages}
        open_stages = set(stages)
        for job in islice(self._lines("job"), most * LINES_PER_JOB):
            if not open_stages:
                break
            number = job["stage_id"]
            if number in open_stages and job["started_at"] and job["finished_at"]:
                newest[number].append(JobView.model_validate(job))
                if len(newest[number]) == most:
                    open_stages.remove(number)
        return newest

    def _later(self) -> dict[str, Any]:
        """Return what became of the workflow while its object was written."""
        listed = self.located.view
        checked = {"integrity": listed.integrity, "integrity_at": listed.integrity_at} if listed.integrity_at else {}
        return {"archived_at": listed.archived_at, **checked}

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


def _skip(found: Iterator[Any], after: int) -> None:
    for file in found:
        if file["file_id"] == after:
            return


def _fitting(found: Iterator[Any], conditions: Mapping[str, object]) -> Iterator[Any]:
    """Leave out what does not fit, before a view is made of it: that takes far longer; None fits everything."""
    asked = {name: value for name, value in conditions.items() if value is not None}
    return (each for each in found if all(each[name] == value for name, value in asked.items()))


def _of_file(wanted: FileFilter) -> dict[str, object]:
    return {"stage_id": wanted.stage_id, "state": wanted.state, "did": wanted.did}


def _of_event(wanted: EventFilter) -> dict[str, object]:
    of_job = {"stage_id": wanted.stage_id, "jobsub_id": wanted.job}
    of_place = {"site": wanted.site, "entry": wanted.entry, "rse": wanted.rse}
    return {**of_job, **of_place, "did": wanted.did, "event_type": wanted.event_type}


def _is_of_time_and_person(event: Mapping[str, Any], wanted: EventFilter) -> bool:
    if wanted.user is not None and (event["source"] is None or event["actor"] != wanted.user):
        return False
    if wanted.since is None and wanted.until is None:
        return True
    time = datetime.fromisoformat(event["time"])
    return (wanted.since is None or time >= wanted.since) and (wanted.until is None or time < wanted.until)


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

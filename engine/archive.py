"""The archive: workflows that ended long ago become one object each and leave the hot tables.

The object is written, read back and noted before anything is deleted; what is deleted then goes in small batches. A
cycle that is killed anywhere leaves the rest to the next.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import justin
from engine import archive_objects, publisher, viewing
from engine.archive_objects import FIRST, SCHEMA, Written
from engine.errors import Unavailable
from engine.runtime import Runtime
from justin.schemas.integrity import FindingView, IntegrityView
from justin.schemas.views import FileView, JobView, View, WorkflowView
from models import archives, emptying
from models.archives import Stored
from models.database import Session
from models.queries import events, files, integrity, jobs, specs, stages
from models.queries.events import EventFilter
from models.queries.files import FileFilter
from models.queries.jobs import JobFilter

LOG = logging.getLogger(__name__)

ACTOR: Final = "archive"
PAGE: Final = 1000
SECONDS_PER_DAY: Final = 86_400

Shown = TypeVar("Shown", bound=View)


@dataclass(frozen=True, slots=True)
class Archived:
    """What a cycle brought into the archive."""

    workflows: tuple[int, ...] = ()
    rows: int = 0
    """That left the hot tables."""
    problem: str = ""

    def __bool__(self) -> bool:
        """Say whether anything was done."""
        return bool(self.workflows or self.rows or self.problem)


def archive_workflows(runtime: Runtime) -> Archived:
    """Empty what is archived already, then archive what ended long enough ago, one workflow after the other."""
    settings = runtime.settings.archive
    if settings.directory is None:
        return Archived()
    archive_objects.clean(settings.directory, time.time())
    with runtime.session() as session:
        left = archives.to_empty(session)
    rows = sum(_empty(runtime, workflow_id) for workflow_id in left)
    with runtime.session() as session:
        due = archives.due(session, settings.after_days * SECONDS_PER_DAY, settings.most_workflows)
    archived: list[int] = []
    for workflow_id in due:
        try:
            if archive_workflow(runtime, workflow_id, settings.directory):
                archived.append(workflow_id)
                rows += _empty(runtime, workflow_id)
        except Unavailable as error:
            LOG.warning("workflow %s is not archived: %s", workflow_id, error)
            return Archived(tuple(archived), rows, str(error))
    return Archived(tuple(archived), rows)


def archive_workflow(runtime: Runtime, workflow_id: int, directory: Path) -> bool:
    """Write a workflow's object, read it back, and note it; False when something happened to the workflow meanwhile."""
    writing = _Writing(runtime, workflow_id)
    instance = runtime.settings.instance
    name = "-".join(filter(None, (instance, f"w{workflow_id:05}")))
    written = archive_objects.write(directory, name, writing.sections())
    archive_objects.verify(written)
    told = publisher.told_to_all(runtime)
    if told is not None and told < writing.last_event_id:
        LOG.info("workflow %s is archived when everybody has been told of its events", workflow_id)
        return False
    with runtime.session() as session:
        put = archives.put(session, workflow_id, writing.stored(written), ACTOR)
    if put:
        LOG.info("workflow %s is archived at %s, %s bytes", workflow_id, written.location, written.size_bytes)
    return put


def _empty(runtime: Runtime, workflow_id: int) -> int:
    rows = 0
    while True:
        with runtime.session() as session:
            batch = emptying.empty(session, workflow_id, runtime.settings.archive.batch)
        if not batch:
            return rows
        rows += batch


class _Writing:
    """A workflow on its way into an object: what it has is read a page at a time, and what was read is counted."""

    def __init__(self, runtime: Runtime, workflow_id: int) -> None:
        self._runtime = runtime
        self._workflow_id = workflow_id
        self.last_event_id = 0
        self._view: WorkflowView | None = None
        self._integrity: IntegrityView | None = None

    def sections(self) -> Iterator[tuple[str, Iterable[str]]]:
        """Yield each kind of line with its values, in the order in which lists show them."""
        with self._runtime.session() as session:
            instance = self._runtime.settings.instance
            view = self._view = viewing.workflow(session, self._workflow_id, instance)
            spec = specs.workflow_spec(session, self._workflow_id)
            definitions = archives.definitions(session, self._workflow_id)
            scripts = [stages.jobscript(session, self._workflow_id, stage.stage_id) for stage in view.stages]
            datasets = files.list_datasets(session, self._workflow_id)
        told = {"schema": SCHEMA, "workflow_id": self._workflow_id, "instance": instance}
        yield FIRST, [_json({**told, "justin_version": justin.__version__})]
        yield "workflow", [view.model_dump_json()]
        yield "spec", [spec.model_dump_json()] if spec else []
        yield "stage", map(_json, definitions)
        yield "jobscript", map(_json, scripts)
        yield "dataset", (dataset.model_dump_json() for dataset in datasets)
        yield "job", self._json_of(self._jobs())
        yield "log", self._logs()
        yield "file", self._json_of(self._files())
        yield "replica", self._replicas()
        yield "event", self._events()
        # After the events: what a check writes down later comes with an event that the object does not hold.
        yield "integrity", self._checked()
        yield "finding", self._json_of(self._findings())

    def stored(self, written: Written) -> Stored:
        """Say what is to be kept of the workflow, beside the object."""
        found = self._view.stages if self._view else []
        counts = {
            "lines": dict(written.lines),
            "sections": dict(written.sections),
            "stages": [{"files": stage.files, "jobs": stage.jobs} for stage in found],
        }
        if self._integrity:
            counts["integrity"] = self._integrity.model_dump(mode="json", include={"badge", "checked_at"})
        return Stored(written.location, written.sha256, written.size_bytes, counts, self.last_event_id)

    def _jobs(self) -> Iterator[JobView]:
        wanted = JobFilter(workflow_id=self._workflow_id)
        yield from self._pages(
            lambda session, after: jobs.list_jobs(session, wanted, PAGE, after), lambda job: job.job_id
        )

    def _files(self) -> Iterator[FileView]:
        wanted = FileFilter(self._workflow_id)
        yield from self._pages(
            lambda session, after: files.list_files(session, wanted, PAGE, after or 0), lambda file: file.file_id
        )

    def _logs(self) -> Iterator[str]:
        for job in self._jobs():
            with self._runtime.session() as session:
                kept = jobs.job_logs(session, job.jobsub_id)
            yield from (log.model_dump_json() for log in kept)

    def _replicas(self) -> Iterator[str]:
        page: list[int] = []
        for file in self._files():
            page.append(file.file_id)
            if len(page) == PAGE:
                yield from self._copies(page)
                page = []
        yield from self._copies(page)

    def _copies(self, file_ids: list[int]) -> Iterator[str]:
        with self._runtime.session() as session:
            found = files.list_replicas(session, file_ids)
        yield from (replica.model_dump_json() for replica in found)

    def _events(self) -> Iterator[str]:
        wanted = EventFilter(workflow_id=self._workflow_id)
        listed = self._pages(
            lambda session, after: events.list_events(session, wanted, PAGE, after), lambda event: event.event_id
        )
        for event in listed:
            self.last_event_id = max(self.last_event_id, event.event_id)
            yield event.model_dump_json()

    def _checked(self) -> Iterator[str]:
        with self._runtime.session() as session:
            last = integrity.of_workflow(session, self._workflow_id)
        # Nobody checks an archived workflow.
        self._integrity = last.model_copy(update={"being_checked": False, "next_check_at": None})
        yield self._integrity.model_dump_json(exclude={"findings"})

    def _findings(self) -> Iterator[FindingView]:
        yield from self._pages(
            lambda session, after: integrity.findings(session, self._workflow_id, PAGE, after or 0),
            lambda finding: finding.finding_id,
        )

    def _pages(
        self, page: Callable[[Session, int | None], Sequence[Shown]], key: Callable[[Shown], int]
    ) -> Iterator[Shown]:
        after: int | None = None
        while True:
            with self._runtime.session() as session:
                found = page(session, after)
            yield from found
            if len(found) < PAGE:
                return
            after = key(found[-1])

    @staticmethod
    def _json_of(views: Iterable[View]) -> Iterator[str]:
        return (view.model_dump_json() for view in views)


def _json(value: Any) -> str:
    return json.dumps(value)

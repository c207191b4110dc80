"""Finding input files: what a workflow's query finds, and where copies of the files lie."""

import logging
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from engine import input_queries, pulses
from engine.chunks import chunks
from engine.errors import InvalidInput, Refused, ServiceRefused, Unavailable
from engine.ports import FoundFile, LocatedFile
from engine.runtime import Runtime
from justin.schemas.inputs import InputKind, InputQuery
from justin.states import WorkflowState
from models import finding, leases, moves
from models.finding import DueWorkflow, FileToLocate, LocatedReplica
from models.moves import Reason

LOG = logging.getLogger(__name__)

ACTOR: Final = "finder"
FILES_PER_TRANSACTION: Final = 20_000
FILES_PER_QUESTION: Final = 500
FILES_PER_ANSWER: Final = 5_000
"""What several answers of Rucio bring is written together: ten small transactions cost twice as much as one."""

ASKING_SECONDS: Final = 10.0
"""What Rucio has answered by then is written, however little: jobs wait for it, and the lease must not run out."""

MANY_FILES: Final = 10_000
LEASE_SECONDS: Final = 60.0
"""Leases only spare work: everything here may be done twice at once."""

HOLDER: Final = f"finder@{platform.node()}"
"""The same after a restart, which goes on at once with what was interrupted."""


class TooManyFiles(InvalidInput):
    """The query finds more files than its quota allows for a workflow."""


@dataclass(frozen=True, slots=True)
class Found:
    """What looking for the files of a workflow came to."""

    workflow_id: int
    new_files: int = 0
    problem: str = ""

    def __bool__(self) -> bool:
        """Say whether anything was done."""
        return bool(self.new_files or self.problem)


@dataclass(frozen=True, slots=True)
class Located:
    """What looking for the places of a stage's files came to."""

    stage_id: int
    located: int = 0
    not_found: int = 0
    problem: str = ""

    def __bool__(self) -> bool:
        """Say whether anything was done."""
        return bool(self.located or self.not_found or self.problem)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What Rucio says about some files of a stage."""

    files: Sequence[FileToLocate]
    places: Sequence[LocatedReplica]
    problem: str = ""
    """Why the others were not asked about."""


def workflows_due(runtime: Runtime) -> list[int]:
    """List the workflows whose files are to be looked for now."""
    with runtime.session() as session:
        return [due.workflow_id for due in finding.due_workflows(session)]


def find_files(runtime: Runtime, workflow_id: int) -> Found:
    """Find the files of a workflow that is due.

    A query that its catalogue refuses, or that finds more than the quota allows, ends the workflow before it has
    begun; a catalogue that does not answer is asked again in the next cycle.
    """
    lease = f"find-{workflow_id}"
    due = _take_due(runtime, workflow_id, lease)
    if due is None:
        return Found(workflow_id)
    try:
        return _search(runtime, due)
    except Unavailable as error:
        return _postpone(runtime, due, str(error))
    except TooManyFiles as error:
        return _end(runtime, due, str(error))
    except Refused as error:
        return _give_up(runtime, due, str(error))
    finally:
        _release(runtime, lease)


def stages_to_locate(runtime: Runtime) -> list[int]:
    """List the stages with files of unknown place, by priority."""
    with runtime.session() as session:
        return finding.stages_to_locate(session)


def locate_files(runtime: Runtime, stage_id: int) -> Located:
    """Ask Rucio where the files of a stage lie; a file without a copy that the stage can read counts as not found.

    A Rucio that is slow is not asked.
    """
    pulses.measure(runtime)
    if problem := pulses.why_to_wait(runtime):
        LOG.warning("the files of stage %s are not located now: %s", stage_id, problem)
        return Located(stage_id, problem=problem)
    lease = f"locate-{stage_id}"
    done, after = Located(stage_id), 0
    try:
        while batch := _files_to_locate(runtime, stage_id, after, lease):
            answer = _ask(runtime, batch)
            done = _keep(runtime, done, answer)
            if answer.problem:
                LOG.warning("the files of stage %s cannot be located now: %s", stage_id, answer.problem)
                break
            after = answer.files[-1].file_id
    finally:
        _release(runtime, lease)
    _refresh_statistics(runtime, done.located + done.not_found)
    return done


def _take_due(runtime: Runtime, workflow_id: int, lease: str) -> DueWorkflow | None:
    with runtime.session() as session:
        if not leases.take(session, lease, HOLDER, LEASE_SECONDS):
            return None
        return next((due for due in finding.due_workflows(session) if due.workflow_id == workflow_id), None)


def _release(runtime: Runtime, lease: str) -> None:
    with runtime.session() as session:
        leases.release(session, lease, HOLDER)


def _search(runtime: Runtime, due: DueWorkflow) -> Found:
    query = input_queries.parse(due.mql)
    if query.kind is InputKind.MONTE_CARLO:
        _check_count(due, query.count)
        new_files = sum(_add_counters(runtime, due, *each) for each in query.counters)
    else:
        if query.kind is InputKind.MQL:
            _check_count(due, runtime.metacat.summary(query.text).count)
        new_files = _add_files(runtime, due, _found_files(runtime, query))
    _refresh_statistics(runtime, new_files)
    with runtime.session() as session:
        next_at = finding.finish(session, due.workflow_id, due.began_at)
    LOG.info("workflow %s: %s new files; looked for again: %s", due.workflow_id, new_files, next_at or "never")
    return Found(due.workflow_id, new_files)


def _found_files(runtime: Runtime, query: InputQuery) -> Iterator[FoundFile]:
    if query.kind is InputKind.RUCIO_DATASET:
        return runtime.rucio.dataset_files(query.scope, query.name)
    return runtime.metacat.query(query.text)


def _add_files(runtime: Runtime, due: DueWorkflow, files: Iterator[FoundFile]) -> int:
    added = 0
    # The catalogue is read between the transactions, never in one.
    for chunk in chunks(files, FILES_PER_TRANSACTION):
        with runtime.session() as session:
            leases.renew(session, f"find-{due.workflow_id}", HOLDER, LEASE_SECONDS)
            added += finding.add_files(session, due.first_stage_id, ((file.did, file.size_bytes) for file in chunk))
            _check_count(due, finding.count_inputs(session, due.first_stage_id))
    return added


def _add_counters(runtime: Runtime, due: DueWorkflow, begin: int, end: int) -> int:
    added = 0
    for first in range(begin, end + 1, FILES_PER_TRANSACTION):
        with runtime.session() as session:
            some = min(FILES_PER_TRANSACTION, end + 1 - first)
            added += finding.add_monte_carlo(session, due.first_stage_id, some, first)
    return added


def _check_count(due: DueWorkflow, count: int) -> None:
    if count > due.max_input_files:
        raise TooManyFiles(
            f"The query finds more files ({count}) than the quota {due.quota} allows for a workflow"
            f" ({due.max_input_files})."
        )


def _postpone(runtime: Runtime, due: DueWorkflow, problem: str) -> Found:
    LOG.warning("workflow %s is looked for again in the next cycle: %s", due.workflow_id, problem)
    with runtime.session() as session:
        finding.note(session, due.workflow_id, problem)
    return Found(due.workflow_id, problem=problem)


def _give_up(runtime: Runtime, due: DueWorkflow, problem: str) -> Found:
    """End a workflow that has no files yet; one that has some keeps them, and its owner is told."""
    with runtime.session() as session:
        has_files = finding.count_inputs(session, due.first_stage_id) > 0
        if has_files:
            finding.finish(session, due.workflow_id, due.began_at)
            finding.note(session, due.workflow_id, problem)
    if not has_files:
        return _end(runtime, due, problem)
    LOG.warning("workflow %s finds no more files: %s", due.workflow_id, problem)
    return Found(due.workflow_id, problem=problem)


def _end(runtime: Runtime, due: DueWorkflow, problem: str) -> Found:
    LOG.warning("workflow %s has failed: %s", due.workflow_id, problem)
    with runtime.session() as session:
        moves.move_workflows(session, [due.workflow_id], WorkflowState.FAILED, Reason(ACTOR, problem))
    return Found(due.workflow_id, problem=problem)


def _refresh_statistics(runtime: Runtime, files: int) -> None:
    if files >= MANY_FILES:
        with runtime.session() as session:
            finding.refresh_statistics(session)


def _files_to_locate(runtime: Runtime, stage_id: int, after: int, lease: str) -> list[FileToLocate]:
    with runtime.session() as session:
        if not leases.take(session, lease, HOLDER, LEASE_SECONDS):
            return []
        return finding.files_to_locate(session, stage_id, after, FILES_PER_ANSWER)


def _ask(runtime: Runtime, batch: Sequence[FileToLocate]) -> _Answer:
    """Ask about the files in turn, until all are asked about, it takes too long, or Rucio does not answer."""
    files: list[FileToLocate] = []
    places: list[LocatedReplica] = []
    began = time.monotonic()
    for question in chunks(batch, FILES_PER_QUESTION):
        try:
            places += _places(runtime, question)
        except Unavailable as error:
            return _Answer(files, places, str(error))
        files += question
        if time.monotonic() - began > ASKING_SECONDS:
            break
    return _Answer(files, places)


def _keep(runtime: Runtime, done: Located, answer: _Answer) -> Located:
    with runtime.session() as session:
        file_ids = [file.file_id for file in answer.files]
        new = finding.put_replicas(session, done.stage_id, file_ids, answer.places)
    return Located(done.stage_id, done.located + new.unallocated, done.not_found + new.notfound, answer.problem)


def _places(runtime: Runtime, batch: Sequence[FileToLocate]) -> list[LocatedReplica]:
    keys = {file.did: file.file_id for file in batch}
    return [
        LocatedReplica(keys[found.did], copy.rse, copy.wan_pfn, copy.lan_pfn)
        for found in _located(runtime, list(keys))
        for copy in found.replicas
    ]


def _located(runtime: Runtime, dids: Sequence[str]) -> list[LocatedFile]:
    """Ask for all at once, and by halves when Rucio refuses: one name that it does not take must not hide the rest."""
    try:
        return list(runtime.rucio.locate(dids))
    except ServiceRefused:
        if len(dids) == 1:
            LOG.exception("Rucio does not take the name %s", dids[0])
            return [LocatedFile(dids[0])]
    middle = len(dids) // 2
    return _located(runtime, dids[:middle]) + _located(runtime, dids[middle:])

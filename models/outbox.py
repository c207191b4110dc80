"""What the catalogues are still to be told of outputs: leased to one agent at a time, the outputs of a job together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from justin.states import FileState, JobState
from models import moves, placements, results
from models.database import Session
from models.moves import Reason
from models.statements import load

ACTOR: Final = "outputs"

_LEASE = load("lease_outbox")
_ITEMS = load("outbox_items")
_KINDS = load("output_kinds")
_FINISH = load("finish_outbox")
_COUNT_DATASET_FILES = load("count_dataset_files")
_RETRY = load("retry_outbox")
_LOCK_JOBS = load("lock_jobs")
_LOCK_INPUTS = load("lock_inputs")
_WAITING_JOBS = load("waiting_jobs")

_ANY_STATE: Final = [state.value for state in JobState]


@dataclass(frozen=True, slots=True)
class OutputKind:
    """A kind of output of a stage, with what its datasets tell of the stage and the workflow."""

    output_id: int
    pattern_id: int
    pattern: str
    destination: str
    for_next_stage: bool
    lifetime_seconds: int | None
    rse_expression: str
    workflow_id: int
    stage_id: int
    stage_number: int
    scope: str
    account: str
    """Rucio's, of the quota."""
    user: str
    mql: str
    processors: int
    rss_bytes: int
    wall_seconds: int
    image: str
    image_digest: str
    jobscript_git: str
    jobscript_commit: str
    jobscript_sha256: str
    repositories: list[dict[str, str]]
    """Name, tag, commit and SHA-256 of the content of each."""
    jobscript: str
    environment: dict[str, str]
    max_distance: int
    max_files_per_job: int
    classads: dict[str, str] | None
    gpus: int
    gpu_needs: dict[str, Any]
    """What each GPU must be able to do, by the names that datasets tell."""


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """An uploaded output, and what the catalogues are to be told of it."""

    output: OutputKind
    outbox_id: int
    file_id: int
    did: str
    size_bytes: int
    adler32: str
    storage_id: int
    rse: str
    pfn: str
    metadata: Mapping[str, Any] = field(repr=False)
    parents: Sequence[str] = field(repr=False)
    """DIDs."""
    job_id: int
    jobsub_id: str
    attempts: int
    """This one included."""
    dataset_number: int | None
    """Of its numbered dataset; None until `datasets.numbers` has given it one."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of files when the outputs of jobs were registered."""

    registered: list[int]
    passed_on: list[int]
    """To the next stage."""
    processed: list[int]
    """Inputs."""


def lease_items(session: Session, limit: int, seconds: float) -> list[OutboxItem]:
    """Take what is to be told of some jobs for a while: whole jobs, until there are at least `limit` items.

    What was taken falls free when the time is over; so may be told twice what a slow agent still tells.
    """
    outbox_ids = _LEASE.ids(session, limit=limit, seconds=float(seconds))
    rows = _ITEMS.run(session, outbox_ids=outbox_ids) if outbox_ids else []
    kinds = output_kinds(session, {row[0] for row in rows})
    return [OutboxItem(kinds[row[0]], *row[1:]) for row in rows]


def output_kinds(session: Session, output_ids: set[int]) -> dict[int, OutputKind]:
    """Return kinds of output, by key."""
    rows = _KINDS.run(session, output_ids=sorted(output_ids)) if output_ids else []
    return {row[0]: OutputKind(*row) for row in rows}


def finish_jobs(session: Session, job_ids: Sequence[int]) -> Finished:
    """Note that all outputs of jobs are registered: they are outputs or wait for the next stage, the inputs are done.

    Jobs of which nothing is waiting to be told are left as they are.
    """
    _LOCK_JOBS.run(session, job_ids=list(job_ids), states=_ANY_STATE)
    told = _FINISH.run(session, job_ids=list(job_ids))
    if not told:
        return Finished([], [], [])
    _COUNT_DATASET_FILES.run(session, file_ids=[file_id for _, file_id, _ in told])
    inputs = _LOCK_INPUTS.ids(session, job_ids=sorted({job_id for job_id, _, _ in told}))
    kept = [file_id for _, file_id, stage_id in told if stage_id is None]
    passed_on = [file_id for _, file_id, stage_id in told if stage_id is not None]
    if passed_on:
        placements.place_files(session, passed_on)
    because = Reason(ACTOR)
    results.keep_scratch(session, sorted({job_id for job_id, _, _ in told}), because)
    return Finished(
        moves.move_files(session, kept, FileState.OUTPUT, because),
        moves.move_files(session, passed_on, FileState.UNALLOCATED, because),
        moves.move_files(session, inputs, FileState.PROCESSED, because),
    )


def retry(session: Session, job_ids: Sequence[int], seconds: float, error: str) -> None:
    """Give jobs' outputs back, to be told after a while; `error` says why they could not be now."""
    _RETRY.run(session, job_ids=list(job_ids), seconds=float(seconds), error=error)


def refuse(session: Session, job_ids: Sequence[int], why: str) -> list[int]:
    """Give up telling the catalogues of jobs' outputs, all of each job's: drop them, and send the inputs back.

    Returns the outputs that were dropped; jobs of which nothing is waiting to be told are left as they are.
    """
    _LOCK_JOBS.run(session, job_ids=list(job_ids), states=_ANY_STATE)
    refused = _WAITING_JOBS.ids(session, job_ids=list(job_ids))
    if not refused:
        return []
    because = Reason(ACTOR, why)
    results.release_files(session, refused, because)
    return results.drop_outputs(session, refused, because)

"""What becomes of a job's inputs and outputs when it reports, confirms or ends.

Every function locks the job first, then its files in the order of ids; see `moves`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from justin.states import FileState, JobState
from models import moves
from models.database import Session
from models.moves import JOB_MOVES, Reason
from models.statements import jsonb, load

_LOCK_JOBS = load("lock_jobs")
_LOCK_INPUTS = load("lock_inputs")
_REMEMBER_FAILURES = load("remember_failures")
_RECORD_OUTPUTS = load("record_outputs")
_RECORDED_OUTPUTS = load("recorded_outputs")
_CONFIRM_OUTPUTS = load("confirm_outputs")
_OUTPUTS_MADE = load("outputs_made")
_FORGET_OUTPUTS = load("forget_outputs")
_SCRATCH_OUTPUTS = load("scratch_outputs")

_UNREGISTERED: Final = moves.sources(moves.FILE_MOVES, FileState.DROPPED)
_OF_THE_JOB: Final = [state for state in FileState if state is not FileState.DROPPED]

_RECORDED = Reason("allocator")


@dataclass(frozen=True, slots=True)
class NewOutput:
    """An output that a job is about to upload."""

    did: str
    output_id: int
    stage_id: int | None
    """The stage that takes it as an input; None when none does."""
    size_bytes: int
    adler32: str
    metadata: Mapping[str, Any]
    """What MetaCat is to be told, complete."""
    parents: Sequence[str]
    """DIDs."""
    targets: Sequence[Mapping[str, Any]]
    """Where it may be put, to be told again when the job asks again."""


@dataclass(frozen=True, slots=True)
class RecordedOutput:
    """An output that a job recorded and has not confirmed."""

    file_id: int
    did: str
    size_bytes: int
    adler32: str
    targets: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ConfirmedOutput:
    """Where an output lies, and how long its upload took."""

    file_id: int
    storage_id: int | None
    """None in scratch space."""
    pfn: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Released:
    """What became of inputs that came back unprocessed."""

    unallocated: list[int]
    failed: list[int]
    """Their attempts are used up."""


def begin_outputting(session: Session, job_id: int, processed: Collection[int], because: Reason) -> Released | None:
    """Move a job, and those of its inputs that it processed, to `outputting`; the others come back.

    None when the job may not, and then nothing changes.
    """
    if not lock_jobs(session, [job_id], JobState.OUTPUTTING):
        return None
    moves.move_jobs(session, [job_id], JobState.OUTPUTTING, because)
    released = release_files(session, [job_id], because, processed=processed)
    kept = [file_id for file_id, _, _ in _held(session, [job_id])]
    moves.move_files(session, kept, FileState.OUTPUTTING, because)
    return released


def record_outputs(
    session: Session, job_id: int, outputs: Sequence[NewOutput], because: Reason = _RECORDED
) -> list[str]:
    """Make the outputs that a job is about to upload, and return no names when that is done.

    When some names are taken in the workflow, by other outputs that were not dropped, nothing is made and they are
    returned. Outputs that the job recorded before are left as they are.
    """
    rows = jsonb([asdict(output) for output in outputs])
    nested = session.begin_nested()
    made = _RECORD_OUTPUTS.run(session, job_id=job_id, outputs=rows, **because.parameters())
    known = {did for _, did in _made(session, [job_id], _OF_THE_JOB)} if len(made) < len(outputs) else set()
    taken = {output.did for output in outputs} - {did for (did,) in made} - known
    if taken:
        nested.rollback()
    else:
        nested.commit()
    return sorted(taken)


def recorded_outputs(session: Session, job_id: int) -> list[RecordedOutput]:
    """List the outputs that a job recorded and has not confirmed."""
    return [RecordedOutput(*row) for row in _RECORDED_OUTPUTS.run(session, job_id=job_id)]


def confirm_outputs(
    session: Session, job_id: int, places: Sequence[ConfirmedOutput], because: Reason = _RECORDED
) -> list[int]:
    """Note where outputs of a job lie, and put them into the outbox; return those that were not confirmed before."""
    rows = jsonb([asdict(place) for place in places])
    values = {name: value for name, value in because.parameters().items() if name != "seconds"}
    return _CONFIRM_OUTPUTS.ids(session, job_id=job_id, places=rows, **values)


def finish_job(session: Session, job_id: int, because: Reason) -> bool:
    """Finish a job whose outputs are all confirmed; False when it may not finish, and then nothing changes.

    Without outputs that are to be registered its inputs are processed at once; else when the last of those is. Raises
    ValueError when an output is recorded and not confirmed.
    """
    if not lock_jobs(session, [job_id], JobState.FINISHED):
        return False
    if _made(session, [job_id], [FileState.RECORDED]):
        raise ValueError(f"job {job_id} has outputs that are not confirmed")
    if len(_made(session, [job_id], _OF_THE_JOB)) == len(_SCRATCH_OUTPUTS.ids(session, job_ids=[job_id])):
        keep_scratch(session, [job_id], because)
        held = [file_id for file_id, _, _ in _held(session, [job_id])]
        moves.move_files(session, held, FileState.PROCESSED, because)
    return bool(moves.move_jobs(session, [job_id], JobState.FINISHED, because))


def keep_scratch(session: Session, job_ids: Sequence[int], because: Reason) -> list[int]:
    """Let the uploaded outputs of jobs that lie in scratch space be outputs, and return them.

    To be called with the jobs locked, when nothing of theirs is left to be registered: their outputs count together.
    """
    return moves.keep_in_scratch(session, _SCRATCH_OUTPUTS.ids(session, job_ids=list(job_ids)), because)


def end_jobs(session: Session, job_ids: Sequence[int], to: JobState, because: Reason) -> list[int]:
    """End jobs without success, and return those that ended: their inputs come back, their outputs are dropped."""
    ending = lock_jobs(session, job_ids, to)
    if not ending:
        return []
    release_files(session, ending, because)
    drop_outputs(session, ending, because)
    return moves.move_jobs(session, ending, to, because)


def remove_queued(session: Session, job_ids: Sequence[int], because: Reason) -> list[int]:
    """Remove those of the jobs that no slot has taken yet, and return them."""
    # Only a queued job may become that, so those that have started meanwhile are left alone.
    queued = lock_jobs(session, job_ids, JobState.NOTUSED)
    return moves.move_jobs(session, queued, JobState.REMOVED, because)


def release_files(
    session: Session, job_ids: Sequence[int], because: Reason, processed: Collection[int] = ()
) -> Released:
    """Give back the inputs that jobs hold and did not process: to be tried again, or failed after the last attempt.

    To be called with the jobs locked.
    """
    back = [row for row in _held(session, job_ids) if row[0] not in processed]
    if not back:
        return Released([], [])
    _REMEMBER_FAILURES.run(session, file_ids=[file_id for file_id, _, _ in back])
    again = [file_id for file_id, _, used_up in back if not used_up]
    failed = [file_id for file_id, _, used_up in back if used_up]
    return Released(
        moves.move_files(session, again, FileState.UNALLOCATED, because),
        moves.move_files(session, failed, FileState.FAILED, because),
    )


def drop_outputs(session: Session, job_ids: Sequence[int], because: Reason) -> list[int]:
    """Drop the outputs of jobs that are not registered yet, so that their names are free, and return them.

    To be called with the jobs locked.
    """
    outputs = [file_id for file_id, _ in _made(session, job_ids, _UNREGISTERED)]
    dropped = moves.move_files(session, outputs, FileState.DROPPED, because)
    if dropped:
        _FORGET_OUTPUTS.run(session, file_ids=dropped, message=because.message)
    return dropped


def lock_jobs(session: Session, job_ids: Sequence[int], to: JobState) -> list[int]:
    """Lock those of the jobs that may become `to`, and return them."""
    states = [state.value for state in moves.sources(JOB_MOVES, to)]
    return _LOCK_JOBS.ids(session, job_ids=list(job_ids), states=states)


def _held(session: Session, job_ids: Sequence[int]) -> list[tuple[int, str, bool]]:
    """Lock the inputs that the jobs hold: key, state, and whether the attempts are used up."""
    return [(row[0], row[1], row[2]) for row in _LOCK_INPUTS.run(session, job_ids=list(job_ids))]


def _made(session: Session, job_ids: Sequence[int], states: Sequence[FileState]) -> list[tuple[int, str]]:
    """List key and DID of the outputs that the jobs made."""
    rows = _OUTPUTS_MADE.run(session, job_ids=list(job_ids), states=[state.value for state in states])
    return [(row[0], row[1]) for row in rows]

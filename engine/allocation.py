"""Inputs for running jobs, one at a time."""

from dataclasses import dataclass
from typing import Final

from engine import calls
from engine.errors import WrongState
from engine.results import ACTOR
from engine.runtime import Runtime
from justin.states import FileState, JobState
from models import moves, reports
from models.calls import CallingJob
from models.claims import Claims
from models.database import Session
from models.matching import ClaimedFile, ClaimOutcome
from models.moves import Reason

CONSUMED = "consumed"
"""SAM's word for a file that was processed."""

_WHY: Final = {
    ClaimOutcome.NONE_LEFT: "No file is waiting for this job.",
    ClaimOutcome.PAUSED: "The workflow is not running now.",
    ClaimOutcome.DISABLED: "The workflow's user, its quota or scope, or the site is disabled.",
    ClaimOutcome.AVOIDED: "The node is avoided for a while: too many jobs failed there.",
    ClaimOutcome.CAP_REACHED: "The job has had as many files as its stage allows for one job.",
    ClaimOutcome.JOB_ENDED: "The job was not running a moment ago.",
}

_REFUSALS: Final = frozenset({ClaimOutcome.PAUSED, ClaimOutcome.DISABLED, ClaimOutcome.AVOIDED})
"""By the system: what becomes of the job then says nothing about its jobscript."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A file for the job, or a sentence on why there is none."""

    file: ClaimedFile | None = None
    why: str = ""


def next_file(runtime: Runtime, claims: Claims, job: CallingJob) -> Offer:
    """Give the job the nearest waiting file of its stage, for good; that it asked is noted in any case.

    The job's row need not be locked: the claim looks at the job itself.
    """
    _require_running(job)
    claim = claims.claim_files(job.job_id)
    if claim.outcome is ClaimOutcome.JOB_ENDED:
        with runtime.session() as session:
            _require_running(calls.look_again(session, job))
    if claim.outcome in _REFUSALS:
        with runtime.session() as session:
            reports.note_refusal(session, job.job_id)
    if not claim.files:
        return Offer(why=_WHY[claim.outcome])
    if job.state is JobState.STARTED:
        with runtime.session() as session:
            moves.move_jobs(session, [job.job_id], JobState.PROCESSING, Reason(ACTOR))
    return Offer(claim.files[0])


def allocated_dids(session: Session, job: CallingJob) -> list[str]:
    """List the inputs that the job was given and still holds."""
    calls.refuse_ended(job)
    return [file.did for file in reports.given_files(session, job.job_id, job.stage_id)] if job.stage_id else []


def note_status(session: Session, job: CallingJob, status: str, pfn: str) -> None:
    """Take an input that SAM's client has consumed for processed; other words change nothing."""
    _require_running(job)
    if status != CONSUMED or not job.stage_id:
        return
    given = reports.given_files(session, job.job_id, job.stage_id)
    consumed = [file.file_id for file in given if pfn in file.pfns]
    moves.move_files(session, consumed, FileState.OUTPUTTING, Reason(ACTOR))


def _require_running(job: CallingJob) -> None:
    calls.refuse_ended(job)
    if job.state not in {JobState.STARTED, JobState.PROCESSING}:
        raise WrongState(f"The job is {job.state}: it gets files only while its jobscript runs.")

"""A wrapper gives its job up."""

from engine import scratch
from engine.results import ACTOR, MESSAGE_LIMIT
from justin.schemas.jobs import JobAborted, JobReply
from justin.states import TERMINAL_JOB_STATES, AbortReason, JobState
from models import reports, results
from models.calls import CallingJob
from models.database import Session
from models.moves import Reason
from models.reports import JOBSCRIPT_LOG

OUTPUT_REASONS = frozenset(
    {
        AbortReason.UPLOAD_FAILED,
        AbortReason.ACCESS_REFUSED,
        AbortReason.CONFIRM_FAILED,
        AbortReason.OUTPUT_REFUSED,
        AbortReason.METADATA_INVALID,
    }
)
"""What ends a job for its outputs' sake, though its jobscript did well."""


def abort(session: Session, job: CallingJob, message: JobAborted) -> JobReply:
    """End the job and give its inputs back; a repetition, or a job that ended otherwise, changes nothing."""
    if job.state in TERMINAL_JOB_STATES:
        return JobReply(state=job.state)
    reports.save_log(session, job.job_id, JOBSCRIPT_LOG, message.jobscript_log)
    failed_outputs = message.reason in OUTPUT_REASONS and job.state is not JobState.SUBMITTED
    to = JobState.OUTPUTTING_FAILED if failed_outputs else JobState.ABORTED
    results.end_jobs(session, [job.job_id], to, _reason(message))
    if message.reason is AbortReason.ACCESS_REFUSED and message.rse == scratch.PLACE and job.workflow_id:
        scratch.pause(session, job.workflow_id, f"The scratch space refused the owner's token. {message.detail}", ACTOR)
    return JobReply(state=to)


def _reason(message: JobAborted) -> Reason:
    at_storage = f" at {message.rse}" if message.rse else ""
    text = f"The wrapper gave up: {message.reason.replace('_', ' ')}{at_storage}. {message.detail}".strip()
    details = {"reason": message.reason.value, "method": message.method, "rse": message.rse}
    return Reason(ACTOR, text[:MESSAGE_LIMIT], {name: value for name, value in details.items() if value})

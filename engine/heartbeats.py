"""Hearing from running jobs."""

from justin.schemas.jobs import Heartbeat, HeartbeatReply
from justin.states import TERMINAL_JOB_STATES, TERMINAL_WORKFLOW_STATES, WorkflowState
from models import reports
from models.calls import CallingJob
from models.database import Session
from models.reports import JOBSCRIPT_LOG

_STOPPING = TERMINAL_WORKFLOW_STATES | {WorkflowState.CANCELLING}


def hear(session: Session, job: CallingJob, beat: Heartbeat) -> HeartbeatReply:
    """Note that the job lives, keep the end of its jobscript's log, and say whether it should go on."""
    if job.state in TERMINAL_JOB_STATES:
        return HeartbeatReply(stop=True, reason=f"The job is {job.state}. {job.state_message}".strip())
    workflow_state = reports.heartbeat(session, job.job_id)
    reports.save_log(session, job.job_id, JOBSCRIPT_LOG, beat.jobscript_log)
    if workflow_state in _STOPPING:
        return HeartbeatReply(stop=True, reason=f"The workflow is {workflow_state}.")
    return HeartbeatReply(stop=False)

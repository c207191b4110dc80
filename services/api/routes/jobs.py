"""Jobs and what they wrote."""

from fastapi import APIRouter

from engine import archived
from engine.errors import NotFound
from justin.schemas.views import JobLogView, JobView, Page
from justin.states import JobState
from models.queries import jobs
from models.queries.jobs import JobFilter
from services.api.auth import Calling
from services.api.paging import page
from services.api.parameters import DEFAULT_LIMIT, After, JobsubId, Limit, Name, OfStage, OfWorkflow
from services.dependencies import Running

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.get("")
def several(
    runtime: Running,
    caller: Calling,  # noqa: ARG001  closed to strangers
    workflow_id: OfWorkflow = None,
    stage_id: OfStage = None,
    state: JobState | None = None,
    site: Name = None,
    limit: Limit = DEFAULT_LIMIT,
    after: After = None,
) -> Page[JobView]:
    """List jobs, newest first."""
    wanted = JobFilter(workflow_id, stage_id, state, site)
    archive = archived.find(runtime, workflow_id) if workflow_id else None
    if archive:
        return page(archive.jobs(wanted, limit + 1, after), limit, lambda row: row.job_id)
    with runtime.session() as session:
        rows = jobs.list_jobs(session, wanted, limit + 1, after)
    return page(rows, limit, lambda row: row.job_id)


@router.get("/{jobsub_id}")
def one(runtime: Running, caller: Calling, jobsub_id: JobsubId) -> JobView:  # noqa: ARG001  closed to strangers
    """Show a job."""
    return _job(runtime, jobsub_id)


@router.get("/{jobsub_id}/logs")
def logs(runtime: Running, caller: Calling, jobsub_id: JobsubId) -> list[JobLogView]:  # noqa: ARG001  as above
    """Give what is kept of what a job, its wrapper and the pool wrote."""
    _job(runtime, jobsub_id)
    with runtime.session() as session:
        return jobs.job_logs(session, jobsub_id)


def _job(runtime: Running, jobsub_id: JobsubId) -> JobView:
    with runtime.session() as session:
        found = jobs.one_job(session, jobsub_id)
    if found is None:
        raise NotFound(f"There is no job {jobsub_id}.")
    return found

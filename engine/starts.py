"""The start of a slot: what its job is to do is decided now."""

from urllib.parse import quote, urljoin

from engine import black_holes, calls, probe_jobs
from engine.errors import InvalidInput, WrongState
from engine.runtime import Runtime
from engine.settings import Settings
from justin.schemas.jobs import CodeArea, GetJobscript, JobOutputPattern, Jobscript, Probe
from justin.states import JobState
from models import arrivals, database, matching, moves, work
from models.arrivals import Arrival, FoundSite
from models.calls import CallingJob
from models.database import Session
from models.matching import Gpu, Slot
from models.moves import Reason
from models.work import Work

ACTOR = "allocator"


def start(runtime: Runtime, job: CallingJob, wanted: GetJobscript) -> Jobscript | Probe | None:
    """Bind the job to the best stage that its slot can serve, and return the work; None when there is none.

    A job that has no work is over, `notused`. Until it does something the same job gets the same answer again, for
    the first may have been lost. The job's row need not be locked: what binds it looks at the job itself.
    """
    if job.state is JobState.NOTUSED:
        return None
    calls.refuse_ended(job)
    # Each statement is a transaction of its own, so that many that start at once wait for one another but briefly:
    # binding locks what counts the jobs of the stage and of the quota.
    with database.single_statements(runtime.database) as session:
        if job.state is JobState.SUBMITTED:
            lend_gpus = runtime.settings.pool.cpu_jobs_on_gpu_slots
            why_not = _bind(session, job, _site(session, job, wanted), wanted, lend_gpus=lend_gpus)
            if why_not:
                return _end(runtime, job, why_not, wanted)
        elif job.state is not JobState.STARTED or job.asked_for_files:
            raise WrongState(f"The job is {job.state}: it has its work already.")
        if job.is_probe:
            return probe_jobs.work(session, job, runtime.settings)
        return _jobscript(work.work_of(session, job.job_id), runtime.settings)


def _end(runtime: Runtime, job: CallingJob, why_not: str, wanted: GetJobscript) -> Jobscript | Probe | None:
    """End a job that has no work; one that another call of its own has brought further goes on from there."""
    with runtime.session() as session:
        if moves.move_jobs(session, [job.job_id], JobState.NOTUSED, Reason(ACTOR, why_not)):
            return None
        later = calls.look_again(session, job)
    return start(runtime, later, wanted)


def _site(session: Session, job: CallingJob, wanted: GetJobscript) -> FoundSite:
    site = arrivals.arrive(
        session,
        Arrival(
            jobsub_id=job.jobsub_id,
            site_name=wanted.site_name,
            entry_name=wanted.entry_name,
            hostname=wanted.hostname,
            has_inner_apptainer=wanted.has_inner_apptainer,
        ),
    )
    if site is None:
        raise InvalidInput(f"The site {wanted.site_name} is not known.")
    return site


def _bind(session: Session, job: CallingJob, site: FoundSite, wanted: GetJobscript, *, lend_gpus: bool) -> str:
    """Bind the job to a stage, or say why there is none for it; a probe knows what it is to do."""
    if job.is_probe:
        return probe_jobs.begin(session, job, site, _slot(site.site_id, wanted))
    if not site.enabled:
        return f"The site {site.name} is disabled. {site.disabled_reason}".strip()
    if site.avoided_until:
        return black_holes.why_avoided(wanted.hostname, site.avoided_until, site.failed_jobs)
    slot = _slot(site.site_id, wanted)
    stage_id = matching.start_job(session, job.job_id, slot, job.quota_id, lend_gpus=lend_gpus)
    return "" if stage_id else "No stage had work for the slot."


def _slot(site_id: int, wanted: GetJobscript) -> Slot:
    gpus = [Gpu(gpu.name, gpu.memory_bytes, gpu.compute_capability, gpu.runtime_version) for gpu in wanted.gpus]
    return Slot(
        site_id=site_id,
        hostname=wanted.hostname,
        processors=wanted.processors,
        rss_bytes=wanted.rss_bytes,
        wall_seconds=wanted.wall_seconds,
        entry_name=wanted.entry_name,
        site_job_id=wanted.site_job_id,
        cpuinfo=wanted.cpuinfo,
        os_release=wanted.os_release,
        wrapper_version=wanted.wrapper_version,
        has_inner_apptainer=wanted.has_inner_apptainer,
        gpus=tuple(gpus),
        gpu_details=[gpu.model_dump() for gpu in wanted.gpus],
    )


def _jobscript(found: Work, settings: Settings) -> Jobscript:
    return Jobscript(
        jobsub_id=found.jobsub_id,
        instance=settings.instance,
        workflow_id=found.workflow_id,
        stage_id=found.stage_number,
        scope=found.scope,
        mql=found.mql,
        site_name=found.site,
        principal_name=found.user,
        jobscript=found.jobscript,
        jobscript_image=found.image,
        jobscript_secret=found.jobscript_secret,
        sam_web_uri=_sam_web_uri(found, settings.allocator.url),
        requested_processors=found.processors,
        requested_rss_bytes=found.rss_bytes,
        requested_wall_seconds=found.wall_seconds,
        requested_gpus=found.gpus,
        environment=found.environment,
        output_patterns=[
            JobOutputPattern(pattern_id=pattern_id, pattern=pattern, for_next_stage=for_next_stage)
            for pattern_id, pattern, for_next_stage in found.patterns
        ],
        code_areas=[
            CodeArea(organisation=organisation, repository=repository, path=path)
            for organisation, repository, path in found.repositories
        ],
        heartbeat_seconds=settings.allocator.heartbeat_seconds,
    )


def _sam_web_uri(found: Work, allocator_url: str) -> str:
    """Give SAM's clients an address beside the allocator's, with the jobscript's secret in it."""
    return urljoin(allocator_url, f"../samweb/{quote(found.jobsub_id, safe='@')}/{found.jobscript_secret}")

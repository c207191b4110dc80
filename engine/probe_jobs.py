"""A probe while it runs: what it is to try, and what it found."""

from collections.abc import Sequence

from engine import black_holes, calls, probe_files
from engine.errors import InvalidInput, WrongState
from engine.settings import Probes, Settings
from justin.schemas.jobs import JobReply, Probe, ProbedStorage, RecordProbe, StorageTrial, TrialResult
from justin.states import JobState
from models import moves, probes, reports
from models.arrivals import FoundSite
from models.calls import CallingJob
from models.database import Session
from models.matching import Slot
from models.moves import Reason
from models.probes import ProbeTask, Rule, StorageResult
from models.reports import JOBSCRIPT_LOG

ACTOR = "allocator"


def begin(session: Session, job: CallingJob, site: FoundSite, slot: Slot) -> str:
    """Let a probe begin where it belongs, disabled sites included; or say why it is of no use there."""
    task = probes.task(session, job.job_id)
    if task.site_id != site.site_id:
        return f"The probe of {task.site} started at {site.name}."
    if task.gpu_entry not in {"", slot.entry_name}:
        return f"The probe of {task.gpu_entry} started at {slot.entry_name}."
    if site.avoided_until:
        # What fails there says nothing of the storages.
        return black_holes.why_avoided(slot.hostname, site.avoided_until, site.failed_jobs)
    probes.start(session, job.job_id, slot)
    return ""


def work(session: Session, job: CallingJob, settings: Settings) -> Probe:
    """Say what a probe is to try."""
    task = probes.task(session, job.job_id)
    return Probe(
        jobsub_id=job.jobsub_id,
        instance=settings.instance,
        site_name=task.site,
        content=probe_files.CONTENT,
        trials=[StorageTrial.model_validate(trial["trial"]) for trial in task.trials],
        heartbeat_seconds=settings.allocator.heartbeat_seconds,
    )


def record(session: Session, job: CallingJob, found: RecordProbe, settings: Probes) -> JobReply:
    """Keep what a probe found, withhold and offer storages accordingly, and finish it; a repetition changes nothing."""
    if not job.is_probe:
        raise WrongState("The job is no probe.")
    if job.state is JobState.FINISHED:
        return JobReply(state=job.state)
    calls.refuse_ended(job)
    if job.state is not JobState.STARTED:
        raise WrongState(f"The probe is {job.state}: it has nothing to report.")
    task = probes.task(session, job.job_id)
    for to in (JobState.OUTPUTTING, JobState.FINISHED):
        moves.move_jobs(session, [job.job_id], to, Reason(ACTOR))
    reports.save_log(session, job.job_id, JOBSCRIPT_LOG, found.jobscript_log)
    probes.put_results(session, job.job_id, _results(task, found.storages))
    probes.judge(session, rule(settings), ACTOR, task.site_id)
    return JobReply(state=JobState.FINISHED)


def rule(settings: Probes) -> Rule:
    """Return when a storage is withheld."""
    return Rule(settings.withhold, settings.failures, settings.valid_seconds)


def _results(task: ProbeTask, found: Sequence[ProbedStorage]) -> list[StorageResult]:
    """Match what was found with what was to be tried; raises `InvalidInput` for anything else."""
    known = {trial["trial"]["rse"]: trial["storage_id"] for trial in task.trials}
    strange = [storage.rse for storage in found if storage.rse not in known]
    if strange or len({storage.rse for storage in found}) < len(found):
        raise InvalidInput(f"The probe was to try each of its storages once, and nothing else: {', '.join(strange)}.")
    return [_result(known[storage.rse], storage.read, storage.write) for storage in found]


def _result(storage_id: int, read: TrialResult | None, write: TrialResult | None) -> StorageResult:
    return StorageResult(
        storage_id=storage_id,
        read_ok=read.ok if read else None,
        read_seconds=read.seconds if read else None,
        read_message=read.message if read else "",
        write_ok=write.ok if write else None,
        write_seconds=write.seconds if write else None,
        write_message=write.message if write else "",
    )

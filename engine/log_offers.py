"""Where a job may put its logs.tgz, and its word that they lie there: neither ever decides what becomes of the job."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from engine import targets
from engine.errors import EngineError, InvalidInput, WrongState
from engine.runtime import Runtime
from engine.targets import Target
from justin.schemas.jobs import ConfirmLogs, JobReply, Upload
from justin.states import LogsState
from models import log_archives
from models.calls import CallingJob
from models.database import Session
from models.log_archives import OfferedLogs
from models.queries import storages
from models.queries.storages import OutputStorage

LOG = logging.getLogger(__name__)

SCOPE: Final = "justin-logs"
MOST_QUESTIONS: Final = 2
"""How often Rucio is asked for one job: a job whose calls it holds up must not lose its end to that."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
_LONGEST: Final = 240


@dataclass(frozen=True, slots=True)
class LogOffer:
    """What a job is to be told of its logs, as far as the database knows."""

    jobsub_id: str
    job_id: int
    logs: OfferedLogs
    storages: Sequence[OutputStorage]


def did(jobsub_id: str) -> str:
    """Name a job's logs.tgz: `justin-logs:12.0-schedd.example.org.logs.tgz`."""
    return f"{SCOPE}:{_UNSAFE.sub('-', jobsub_id)[:_LONGEST]}.logs.tgz"


def begin(runtime: Runtime, session: Session, job: CallingJob) -> LogOffer | None:
    """Look up where a job that reports its end may put its logs; None when it need not."""
    if not runtime.settings.logs.stored or job.stage_id is None or job.site_id is None:
        return None
    asked = log_archives.ask(session, job.job_id, did(job.jobsub_id))
    if asked.state is not LogsState.OFFERED:
        return None
    found = [] if asked.targets else storages.output_storages(session, job.stage_id, job.site_id)
    return LogOffer(job.jobsub_id, job.job_id, asked, found)


def complete(runtime: Runtime, offer: LogOffer | None, chosen: Sequence[Target] = ()) -> Upload | None:
    """Say where the logs go: where was said before, at the `chosen` targets, or where Rucio says now.

    None when Rucio does not say; the job goes on without.
    """
    if offer is None:
        return None
    if offer.logs.targets:
        return _upload(offer.logs.did, [Target(**target) for target in offer.logs.targets])
    found = chosen or _choose(runtime, offer)
    if not found:
        return None
    with runtime.session() as session:
        log_archives.offer(session, offer.job_id, [target.document() for target in found])
    return _upload(offer.logs.did, found)


def confirm(session: Session, job: CallingJob, message: ConfirmLogs) -> JobReply:
    """Note where a job's logs lie, whatever became of the job; a repetition changes nothing."""
    offered = log_archives.offered(session, job.job_id)
    if offered is None:
        raise WrongState("The job was not told where to put its logs.")
    if offered.state is LogsState.OFFERED:
        target = _offered_target(offered, message)
        if target.storage_id is None:
            raise WrongState("The job's logs have no place in scratch space.")
        log_archives.confirm(
            session, job.job_id, target.storage_id, target.url, message.logs.size_bytes, message.logs.adler32
        )
    return JobReply(state=job.state)


def _choose(runtime: Runtime, offer: LogOffer) -> Sequence[Target]:
    if offer.logs.offers > MOST_QUESTIONS:
        return ()
    try:
        return targets.choose(runtime, offer.storages, offer.jobsub_id, [offer.logs.did])[offer.logs.did]
    except EngineError as error:
        LOG.warning("job %s keeps its logs.tgz: %s", offer.jobsub_id, error)
        return ()


def _offered_target(offered: OfferedLogs, message: ConfirmLogs) -> Target:
    told = message.logs
    for target in offered.targets:
        if (target["rse"], target["url"]) == (told.rse, told.url):
            return Target(**target)
    raise InvalidInput(f"The logs {told.name} were not offered {told.url} at {told.rse}.")


def _upload(logs_did: str, found: Sequence[Target]) -> Upload:
    name = logs_did.partition(":")[2]
    return Upload(name=name, did=logs_did, targets=[target.offer() for target in found])

"""Outputs: drains the outbox of uploaded outputs into the catalogues, for as long as that takes."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from engine import registration
from engine.errors import Refused, Unavailable
from engine.runtime import Runtime
from models import outbox
from models.outbox import OutboxItem

LOG = logging.getLogger(__name__)

JobOutputs = Sequence[OutboxItem]
"""All outputs of one job: they are registered together or not at all."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a batch of outputs."""

    outputs: int = 0
    """Known to both catalogues."""
    passed_on: int = 0
    """Those of them that wait for the next stage."""
    processed_inputs: int = 0
    refused_jobs: int = 0
    """Whose outputs can never be registered."""
    postponed_jobs: int = 0
    problem: str = ""

    def __bool__(self) -> bool:
        """Say whether a next batch may fare better than this one."""
        return bool(self.outputs or self.refused_jobs)

    def __add__(self, other: "Registered") -> "Registered":
        """Sum up two parts of a batch."""
        return Registered(
            self.outputs + other.outputs,
            self.passed_on + other.passed_on,
            self.processed_inputs + other.processed_inputs,
            self.refused_jobs + other.refused_jobs,
            self.postponed_jobs + other.postponed_jobs,
            self.problem or other.problem,
        )


def register_outputs(runtime: Runtime) -> Registered:
    """Tell the catalogues of one batch of outputs; a job's inputs are processed when all its outputs are known."""
    settings = runtime.settings.outputs
    with runtime.session() as session:
        items = outbox.lease_items(session, settings.batch, settings.lease_seconds)
    by_job = sorted(items, key=lambda item: item.job_id)
    return _tell(runtime, [list(of_job) for _, of_job in groupby(by_job, key=lambda item: item.job_id)])


def _tell(runtime: Runtime, jobs: Sequence[JobOutputs]) -> Registered:
    """Tell of all at once; by halves when something is refused, until it is clear whose that is."""
    if not jobs:
        return Registered()
    try:
        registration.register(runtime, [item for job in jobs for item in job])
    except Unavailable as error:
        return _postpone(runtime, jobs, str(error))
    except Refused as error:
        if len(jobs) == 1:
            return _refuse(runtime, jobs[0], str(error))
        middle = len(jobs) // 2
        return _tell(runtime, jobs[:middle]) + _tell(runtime, jobs[middle:])
    return _finish(runtime, jobs)


def _finish(runtime: Runtime, jobs: Sequence[JobOutputs]) -> Registered:
    with runtime.session() as session:
        done = outbox.finish_jobs(session, _job_ids(jobs))
    LOG.info("%s outputs are registered, %s of them passed on", len(done.registered), len(done.passed_on))
    return Registered(
        outputs=len(done.registered) + len(done.passed_on),
        passed_on=len(done.passed_on),
        processed_inputs=len(done.processed),
    )


def _postpone(runtime: Runtime, jobs: Sequence[JobOutputs], problem: str) -> Registered:
    settings = runtime.settings.outputs
    attempts = min(item.attempts for job in jobs for item in job)
    # Doubled so often, it would be too large a number long before the limit is reached.
    seconds = min(settings.first_retry_seconds * 2 ** min(attempts - 1, 30), settings.last_retry_seconds)
    LOG.warning("the outputs of %s jobs are told of again in %.0f s: %s", len(jobs), seconds, problem)
    with runtime.session() as session:
        outbox.retry(session, _job_ids(jobs), seconds, problem)
    return Registered(postponed_jobs=len(jobs), problem=problem)


def _refuse(runtime: Runtime, job: JobOutputs, problem: str) -> Registered:
    LOG.error("the outputs of job %s can never be registered: %s", job[0].jobsub_id, problem)
    try:
        registration.withdraw(runtime, job)
    except (Unavailable, Refused) as error:
        return _postpone(runtime, [job], f"{problem} Not withdrawn yet: {error}")
    with runtime.session() as session:
        outbox.refuse(session, _job_ids([job]), problem)
    return Registered(refused_jobs=1, problem=problem)


def _job_ids(jobs: Sequence[JobOutputs]) -> list[int]:
    return [job[0].job_id for job in jobs]

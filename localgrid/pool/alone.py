"""The jobs of a pool that no server serves, run one at a time by whoever wants to look at each."""

import time
from dataclasses import dataclass
from pathlib import Path

from localgrid.errors import GridError
from localgrid.pool import jobs
from localgrid.pool.layout import Job, Place, Settings, clusters, jobs_of, read_settings

POLL_SECONDS = 0.002
KILLED = "it took too long"


@dataclass(frozen=True, slots=True)
class Ran:
    """How a job went."""

    exit_status: int
    log: str
    seconds: float
    """From before its first process to after its last."""


def take_jobs(directory: Path) -> list[Job]:
    """Take over the jobs that were submitted, and return them in their order."""
    settings = _settings(directory)
    taken: list[Job] = []
    for cluster in clusters(directory, "queue"):
        place = directory / "clusters" / cluster.name
        cluster.rename(place)
        taken += jobs_of(place, settings.name)
    return taken


def run_job(directory: Path, job: Job, site: str, timeout_seconds: float = 60.0) -> Ran:
    """Run a job in a slot of a site to its end, and clean up after it; raises TimeoutError when that takes too long."""
    settings = _settings(directory)
    began = time.monotonic()
    jobs.begin(job, Place(site, f"slot1@{site}", time.time()), settings)
    while not jobs.is_over(job):
        if time.monotonic() - began > timeout_seconds:
            jobs.finish(job, removed_because=KILLED)
            raise TimeoutError(f"the job {job.jobsub_id} ran for more than {timeout_seconds} s")
        time.sleep(POLL_SECONDS)
    seconds = time.monotonic() - began
    status = job.exit_status()
    jobs.finish(job)
    log = (job.directory / "stdout").read_text() + (job.directory / "stderr").read_text()
    return Ran(jobs.KILLED if status is None else status, log, seconds)


def _settings(directory: Path) -> Settings:
    settings = read_settings(directory)
    if settings is None:
        raise GridError(f"there is no pool in {directory}")
    return settings

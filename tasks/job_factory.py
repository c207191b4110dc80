"""Prefect tasks around `engine.job_factory`."""

from prefect import task

from engine import job_factory, wiring
from engine.job_factory import Submitted


@task(name="submit-jobs", tags=["pool"])
def submit_jobs() -> Submitted:
    """Put as many jobs into the pool as files are waiting, and take out those not needed any more."""
    return job_factory.submit_jobs(wiring.current())

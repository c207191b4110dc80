"""Prefect tasks around `engine.job_watch`."""

from prefect import task

from engine import job_watch, wiring
from engine.job_watch import Watched


@task(name="watch-jobs", tags=["pool"])
def watch_jobs() -> Watched:
    """Notice jobs that have gone silent or left the pool, give their files back, and keep their logs."""
    return job_watch.watch_jobs(wiring.current())

"""Prefect tasks around `engine.job_watch`."""

from prefect import task

from engine import job_watch, wiring
from engine.job_watch import Watched


@task(name="watch-jobs", tags=["pool"])
def watch_jobs() -> Watched:
    """Notice jobs that have gone silent, left the pool or never started, and give their files back."""
    return job_watch.watch_jobs(wiring.current())

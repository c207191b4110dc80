"""Prefect tasks around `engine.job_logs`."""

from prefect import task

from engine import job_logs, wiring
from engine.job_logs import Kept


@task(name="keep-logs", tags=["pool"])
def keep_logs() -> Kept:
    """Keep the logs of ended jobs, and let the pool forget these."""
    return job_logs.keep_logs(wiring.current())

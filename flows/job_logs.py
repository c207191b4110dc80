"""Job logs: what ended jobs leave in the pool is kept, and the pool is cleared of it."""

from prefect import flow

from engine.job_logs import Kept
from flows import artifacts
from tasks import job_logs


@flow(name="job_logs")
def keep_logs() -> Kept:
    """Keep the logs of ended jobs, and let the pool forget these."""
    report = job_logs.keep_logs()
    artifacts.publish("job_logs", "Jobs whose logs were fetched", [report])
    return report

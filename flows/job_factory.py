"""The job factory: as many jobs as there is work."""

from prefect import flow

from engine.job_factory import Submitted
from flows import artifacts
from tasks import job_factory


@flow(name="job_factory")
def submit_jobs() -> Submitted:
    """Put as many jobs into the pool as files are waiting, and take out those not needed any more."""
    report = job_factory.submit_jobs()
    done = f"{report.submitted:,} jobs were submitted and {report.removed:,} taken out; of the stages that lacked jobs:"
    artifacts.publish("job_factory", done, report.decisions)
    return report

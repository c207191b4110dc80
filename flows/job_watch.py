"""The job watch: nothing waits for a job that is gone."""

from prefect import flow

from engine.job_watch import Watched
from flows import artifacts
from tasks import job_watch


@flow(name="job_watch")
def watch_jobs() -> Watched:
    """Notice jobs that have gone silent, left the pool or never started, and give their files back."""
    report = job_watch.watch_jobs()
    artifacts.publish("job_watch", "Jobs that were gone", [report])
    return report

"""Archive: what ended long ago makes room for what runs."""

from prefect import flow

from engine.archive import Archived
from flows import artifacts
from tasks import archive


@flow(name="archive")
def archive_workflows() -> Archived:
    """Bring workflows that ended long ago into the archive, and out of the hot tables."""
    report = archive.archive_workflows()
    artifacts.publish("archive", "Workflows that were archived", [report])
    return report

"""Prefect tasks around `engine.archive`."""

from prefect import task

from engine import archive, wiring
from engine.archive import Archived


@task(name="archive-workflows", tags=[])
def archive_workflows() -> Archived:
    """Bring workflows that ended long ago into the archive, and out of the hot tables."""
    return archive.archive_workflows(wiring.current())

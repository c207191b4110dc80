"""Black holes: a node that fails job after job as fast as they come is avoided for a while."""

import logging
from datetime import datetime
from typing import Final

from engine.runtime import Runtime
from models import nodes
from models.nodes import AvoidedNode, Patience

LOG = logging.getLogger(__name__)

ACTOR: Final = "job_watch"


def avoid(runtime: Runtime) -> list[AvoidedNode]:
    """Avoid the nodes that became black holes since the last cycle, and return them; each comes back by itself."""
    limits = runtime.settings.nodes
    patience = Patience(limits.failed_jobs, limits.fast_seconds, limits.window_seconds, limits.avoid_seconds)
    with runtime.session() as session:
        avoided = nodes.avoid_nodes(session, patience, ACTOR)
    for node in avoided:
        LOG.warning("%s at %s is avoided until %s", node.hostname, node.site, node.until)
    return avoided


def why_avoided(hostname: str, until: datetime, failed_jobs: int) -> str:
    """Say why a node gets no work now."""
    return (
        f"The node {hostname} is avoided until {until:%Y-%m-%d %H:%M:%S} UTC:"
        f" {failed_jobs} jobs failed there as soon as they had started."
    )

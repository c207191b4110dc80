"""Taking jobs out of the pool that we have ended."""

import logging
from collections.abc import Sequence

from engine.errors import ServiceRefused, Unavailable
from engine.runtime import Runtime

LOG = logging.getLogger(__name__)


def take_out(runtime: Runtime, jobsub_ids: Sequence[str]) -> None:
    """Take jobs out of the pool; where it does not let us, `engine.job_logs` finds them there and tries again."""
    if not jobsub_ids:
        return
    try:
        runtime.pool.remove(jobsub_ids)
    except (Unavailable, ServiceRefused) as error:
        LOG.warning("some of %s jobs stay in the pool for now: %s", len(jobsub_ids), error)

"""Looking for work that waits, and running the agents it waits for."""

import logging
import time
from collections.abc import Mapping
from typing import Final
from uuid import UUID

import anyio
import anyio.to_thread

from engine import due, wiring
from flows.worker.in_process import InProcessWorker
from flows.worker.nudges import Nudges

LOG = logging.getLogger(__name__)

LOOK_EVERY_SECONDS: Final = 1.0
REST: Final = 10.0
"""Times as long as looking took: where there is much to look at, it is done more rarely."""


async def nudge(worker: InProcessWorker, deployments: Mapping[str, UUID]) -> None:
    """Run agents as soon as there is work for them; never returns."""
    nudges = Nudges()
    async with anyio.create_task_group() as group:
        while True:
            began = time.monotonic()
            waiting = await anyio.to_thread.run_sync(_waiting)
            took = time.monotonic() - began
            for agent in nudges.due(waiting):
                group.start_soon(_run, worker, agent, deployments[agent])
            await anyio.sleep(max(LOOK_EVERY_SECONDS, REST * took))


async def _run(worker: InProcessWorker, agent: str, deployment_id: UUID) -> None:
    try:
        await worker.run_out_of_turn(deployment_id)
    except Exception:
        # The edge of the task: the schedule runs the agent anyway.
        LOG.exception("the agent %s could not be run out of turn", agent)


def _waiting() -> Mapping[str, int]:
    try:
        return due.waiting(wiring.current())
    except Exception:
        # As above.
        LOG.exception("the database does not say what is waiting")
        return {}

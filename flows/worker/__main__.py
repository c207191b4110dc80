"""`python -m flows.worker` registers the agents' deployments and works until it is told to stop."""

import argparse
import logging
import signal
from collections.abc import Sequence
from typing import Final

import anyio
import anyio.to_thread
from prefect.client.orchestration import get_client

from engine import wiring
from flows.worker import deployments, watch
from flows.worker.in_process import POOL_TYPE, InProcessWorker

POOL: Final = "justin"
API_WAIT_SECONDS: Final = 120.0

LOG = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    chosen = _parser().parse_args(arguments)
    # A schema that is too old is told now, not by every cycle.
    wiring.current()
    anyio.run(work, chosen.pool, chosen.interval_seconds)


async def work(pool: str, interval_seconds: float | None) -> None:
    """Register and work; SIGTERM and SIGINT let the cycles that run come to their end."""
    await _wait_for_server()
    registered = await anyio.to_thread.run_sync(deployments.register, pool, POOL_TYPE, interval_seconds)
    worker = InProcessWorker(pool, prefetch_seconds=0)
    async with anyio.create_task_group() as group:
        group.start_soon(_stop_on_signal, group.cancel_scope)
        async with worker:
            group.start_soon(watch.nudge, worker, registered)
            await worker.start()


async def _wait_for_server() -> None:
    with anyio.fail_after(API_WAIT_SECONDS):
        async with get_client() as client:
            while (error := await client.api_healthcheck()) is not None:
                LOG.warning("Prefect's server does not answer yet: %s", error)
                await anyio.sleep(1)


async def _stop_on_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            scope.cancel()
            return


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m flows.worker", description=__doc__)
    parser.add_argument("--pool", default=POOL, help="the work pool, made unless it exists (justin)")
    parser.add_argument("--interval-seconds", type=float, help="stands in for the intervals of prefect.yaml")
    return parser


if __name__ == "__main__":
    main()

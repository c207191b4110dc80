"""Runs that a killed worker left behind: ended here, or they would hold the slots of their deployments for minutes."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType, WorkerStatus
from prefect.states import Crashed

from flows.worker.identity import has_died

LOG = logging.getLogger(__name__)

GRACE: Final = timedelta(minutes=2)
"""How long a run may be without the name of its worker, which it gets just after its slot."""
UNDER_WAY: Final = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


async def crash(client: PrefectClient, pool: str, own_name: str) -> None:
    """End the pool's runs whose worker has died."""
    runs = await client.read_flow_runs(
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNDER_WAY))),
    )
    others = [run for run in runs if run.infrastructure_pid != own_name]
    if not others:
        return
    alive = await _workers_online(client, pool)
    for run in others:
        if _is_left_behind(run, alive):
            LOG.warning("run %s was left behind by the worker %s", run.name, run.infrastructure_pid)
            state: State[object] = Crashed(message=f"The worker {run.infrastructure_pid or ''} is gone.")
            await client.set_flow_run_state(run.id, state, force=True)


def _is_left_behind(run: FlowRun, alive: set[str]) -> bool:
    worker = run.infrastructure_pid
    if worker:
        return has_died(worker) or worker not in alive
    since = run.state.timestamp if run.state else run.expected_start_time
    return since is not None and since < datetime.now(UTC) - GRACE


async def _workers_online(client: PrefectClient, pool: str) -> set[str]:
    workers = await client.read_workers_for_work_pool(pool)
    return {worker.name for worker in workers if worker.status == WorkerStatus.ONLINE}

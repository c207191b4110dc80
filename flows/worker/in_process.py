"""The worker itself: a cycle of an agent costs tenths of a second, not the four that a process of its own takes."""

import functools
import os
from typing import Any, Final
from uuid import UUID

import anyio
import anyio.lowlevel
import anyio.to_thread
from prefect import Flow
from prefect.client.schemas.objects import FlowRun, WorkerMetadata
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from flows.worker import leftovers
from flows.worker.deployments import load
from flows.worker.identity import own_name

POOL_TYPE: Final = "justin-in-process"


class InProcessWorker(BaseWorker[BaseJobConfiguration, BaseVariables, BaseWorkerResult]):
    """Runs each flow in a thread of this process.

    A cancelled run ends at the end of its cycle, which takes seconds: what it has done by then is done.
    """

    type = POOL_TYPE
    job_configuration = BaseJobConfiguration
    _description = "Runs flows in the worker's own process."

    def __init__(self, work_pool_name: str, **options: Any) -> None:
        super().__init__(work_pool_name, **({"name": own_name()} | options))
        self._entrypoints: dict[UUID, str] = {}
        self._deployments_at_work: set[UUID] = set()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: BaseJobConfiguration,  # noqa: ARG002  there is nothing to configure
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> BaseWorkerResult:
        """Run the flow to its end, whatever that is: the engine tells the server."""
        if task_status:
            task_status.started(os.getpid())
        deployment_id = flow_run.deployment_id
        if deployment_id is None:
            raise ValueError("only runs of deployments can be run")
        self._deployments_at_work.add(deployment_id)
        try:
            flow = load(await self._entrypoint(deployment_id))
            await anyio.to_thread.run_sync(functools.partial(execute, flow, flow_run))
        finally:
            self._deployments_at_work.discard(deployment_id)
        return BaseWorkerResult(identifier=str(flow_run.id), status_code=0)

    async def run_out_of_turn(self, deployment_id: UUID) -> None:
        """Run a deployment now, unless a run of it is under way here; returns when it has ended."""
        if deployment_id in self._deployments_at_work:
            return
        flow_run = await self.client.create_flow_run_from_deployment(deployment_id)
        # Noted before the server offers it to us as one that is due.
        self._submitting_flow_run_ids.add(flow_run.id)
        await self._submit_run(flow_run)

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Do in three calls what the parent does in nine: nothing here is asked of infrastructure."""
        try:
            await anyio.lowlevel.checkpoint_if_cancelled()
            # A run that has begun is brought to its end: it would hold the slot of its deployment for minutes.
            with anyio.CancelScope(shield=True):
                if await self._propose_pending_state(flow_run):
                    await self.client.update_flow_run(flow_run.id, infrastructure_pid=self.name)
                    await self.run(flow_run, self.job_configuration())
        except Exception:  # noqa: BLE001
            # The edge of the task: one flow that cannot be loaded does not end the others.
            self.get_flow_run_logger(flow_run).exception("The run could not be made.")
            await self._propose_crashed_state(flow_run, "The worker could not run it; its log says why.")
        finally:
            self._release_limit_slot(flow_run.id)
            self._submitting_flow_run_ids.discard(flow_run.id)

    async def _cancel_run(self, flow_run_id: UUID) -> None:
        """Mark what is asked to be cancelled; its cycle may still come to its end."""
        flow_run = await self.client.read_flow_run(flow_run_id)
        await self._mark_flow_run_as_cancelled(flow_run, {"message": "Cancelled; its cycle ends by itself."})

    async def sync_with_backend(self) -> None:
        """Tell the server that the worker lives, and end the runs of workers that do not."""
        await super().sync_with_backend()
        await leftovers.crash(self.client, self._work_pool_name, self.name)

    async def _worker_metadata(self) -> WorkerMetadata | None:
        """Tell nothing of installed packages: listing them takes half a second of CPU."""
        return None

    async def _entrypoint(self, deployment_id: UUID) -> str:
        if deployment_id not in self._entrypoints:
            deployment = await self.client.read_deployment(deployment_id)
            self._entrypoints[deployment_id] = deployment.entrypoint or ""
        return self._entrypoints[deployment_id]


def execute(flow: Flow[..., Any], flow_run: FlowRun) -> None:
    """Run a flow in this thread; its end is told to the server by Prefect's engine."""
    # Without its deployment, the engine starts no thread and connection to watch for suspension, ...
    alone = flow_run.model_copy(update={"deployment_id": None})
    # ... and without heartbeats, no thread that takes a second to stop: the worker's own heartbeat stands for its runs.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        run_flow(flow, flow_run=alone, return_type="state")

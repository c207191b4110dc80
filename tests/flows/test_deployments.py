"""What prefect.yaml says, against the flows that there are."""

import asyncio
from pathlib import Path

import pytest
from prefect import Flow

import flows
import tasks
from engine import due
from engine.runtime import Runtime
from flows.worker.deployments import Deployment, deployments, load

AGENTS = {
    "archive",
    "finder",
    "job_factory",
    "job_watch",
    "job_logs",
    "outputs",
    "completion",
    "problems",
    "sites",
    "storages",
    "probes",
    "publisher",
    "repositories",
    "partitions",
    "reconciler",
}


EACH = pytest.mark.parametrize("deployment", deployments(), ids=lambda deployment: str(deployment["name"]))


@EACH
def test_every_entry_point_is_a_flow_of_the_deployments_name(deployment: Deployment) -> None:
    module, _, _ = deployment["entrypoint"].rpartition(".")
    flow = load(deployment["entrypoint"])
    assert isinstance(flow, Flow)
    assert (module, flow.name) == (f"flows.{deployment['name']}", deployment["name"])
    # A sync flow needs no event loop, and no twin.
    assert not asyncio.iscoroutinefunction(flow.fn)


@EACH
def test_every_deployment_runs_one_at_a_time_and_says_what_it_does(deployment: Deployment) -> None:
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    assert len(deployment["schedules"]) == 1
    assert deployment["description"].endswith(".")
    assert "justin" in deployment["tags"]


def test_every_agent_is_deployed_under_one_name_in_every_layer() -> None:
    assert {deployment["name"] for deployment in deployments()} == AGENTS
    for agent in AGENTS:
        for package in (flows, tasks):
            assert (Path(package.__path__[0]) / f"{agent}.py").exists()


def test_agents_that_are_called_out_of_turn_are_deployed(runtime: Runtime) -> None:
    assert set(due.waiting(runtime)) <= AGENTS

"""A Prefect server for the tests of the worker, and workers on the test grid."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.environment import prefect_environment
from localgrid import processes
from localgrid.guard import cleaned_up
from localgrid.pool import layout
from localgrid.pool.layout import Settings as PoolSettings
from localgrid.ports import free_port
from localgrid.postgres import Server
from localgrid.processes import Component
from localgrid.readiness import answers
from scripts import prefect_server
from tests.support import waiting

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 180.0

# Prefect takes its time, and a server that is asked all the time takes more.
wait_until = partial(waiting.wait_until, seconds=LIMIT_SECONDS, pause_seconds=1.0)
WORKER = "worker"


@dataclass(frozen=True)
class Prefect:
    """A running Prefect server."""

    directory: Path
    url: str
    environment: Mapping[str, str]

    def ask(self, path: str, **body: Any) -> Any:
        """Ask its API; a server whose SQLite is busy says 503 and is asked again."""
        busy = True
        while busy:
            answer = httpx.post(f"{self.url}/api/{path}", json=body, timeout=90)
            busy = answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert answer.is_success, answer.text
        return answer.json()

    def run(self, *agents: str) -> None:
        """Ask for a run of each agent now, as a click in the UI does."""
        wait_until(lambda: len(self.ask("deployments/filter")) >= len(agents))
        for deployment in self.ask("deployments/filter"):
            if deployment["name"] in agents:
                self.ask(f"deployments/{deployment['id']}/create_flow_run")

    def runs(self, *states: str) -> list[dict[str, Any]]:
        """List the runs of deployments in such states, the newest first."""
        wanted = {"flow_runs": {"state": {"type": {"any_": list(states)}}}} if states else {}
        found: list[dict[str, Any]] = self.ask("flow_runs/filter", sort="START_TIME_DESC", **wanted)
        return found

    def agents(self, *states: str) -> dict[str, str]:
        """Return the deployments that have runs in such states, each with its newest run."""
        names = {each["id"]: each["name"] for each in self.ask("deployments/filter")}
        return {names[run["deployment_id"]]: run["id"] for run in reversed(self.runs(*states))}


@dataclass(frozen=True)
class Worker:
    """A worker process of the agents, with the settings of a test."""

    prefect: Prefect
    component: Component

    def start(self, **settings: str) -> None:
        """Start it, with some settings changed."""
        environment = {**self.component.environment, **settings}
        processes.start(self.prefect.directory, replace(self.component, environment=environment))

    def kill(self) -> None:
        """End it as `kill -9` does."""
        known = processes.record(self.prefect.directory, WORKER)
        assert known
        assert known.identity
        os.kill(known.identity.pid, signal.SIGKILL)
        wait_until(lambda: not known.running())

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        processes.stop(self.prefect.directory, WORKER)

    @property
    def log(self) -> str:
        """What it has written."""
        return processes.log_path(self.prefect.directory, WORKER).read_text()


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory, postgres_server: Server) -> Iterator[Prefect]:
    directory = tmp_path_factory.mktemp("prefect")
    port, database = free_port(), f"prefect_{os.getpid()}"
    own = prefect_server.database_environment(postgres_server, database)
    environment = prefect_environment(directory / "home", port) | own
    server = Prefect(directory, f"http://127.0.0.1:{port}", environment)
    component = Component(
        name="prefect",
        command=(sys.executable, "-m", "prefect", "server", "start"),
        environment=environment,
        ready=answers(f"{server.url}/api/health"),
        ready_seconds=LIMIT_SECONDS,
    )
    with cleaned_up(directory):
        try:
            processes.start(directory, component)
            yield server
        finally:
            processes.stop(directory, "prefect")
            postgres_server.drop_database(database)


@pytest.fixture
def worker(prefect: Prefect, grid_environment: dict[str, str], database_url: str, tmp_path: Path) -> Iterator[Worker]:
    layout.create(tmp_path / "pool", PoolSettings(slots={}, entries={}, path="/usr/bin:/bin"))
    ours = {"JUSTIN_DATABASE__URL": database_url, "JUSTIN_POOL__DIRECTORY": str(tmp_path / "pool")}
    component = Component(
        name=WORKER,
        command=(sys.executable, "-m", "flows.worker"),
        environment={**grid_environment, **prefect.environment, **ours, "PYTHONUNBUFFERED": "1"},
        directory=ROOT,
        stop_seconds=60,
    )
    made = Worker(prefect, component)
    try:
        yield made
    finally:
        made.stop()

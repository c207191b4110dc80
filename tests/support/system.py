"""The whole system on a grid of its own: our services and agents as processes that tests may kill and start again."""

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from justin import Client
from justin.schemas.specs import WorkflowSpec
from justin.schemas.views import WorkflowView
from justin.states import WorkflowState
from localgrid import lifecycle, processes
from localgrid.grid import Grid, PoolKind
from localgrid.guard import cleaned_up
from localgrid.identity import Identity, marked_processes, send_signal, session_members
from localgrid.processes import Component
from scripts import servers
from scripts.servers import ALLOCATOR, ROOT, Servers
from tests.support.grid import free_directory
from tests.support.rows import Rows
from tests.support.waiting import wait_until

AGENTS = "agents"
SLOTS_PER_SITE = 2
FINISH_SECONDS = 150.0

# Patience that suits a test: what takes minutes in production takes seconds here.
SETTINGS = {
    "JUSTIN_INSTANCE": "SYSTEM",
    "JUSTIN_ALLOCATOR__HEARTBEAT_SECONDS": "2",
    "JUSTIN_WATCH__STALLED_AFTER_SECONDS": "60",
    "JUSTIN_WATCH__UNKNOWN_AFTER_SECONDS": "2",
    "JUSTIN_WATCH__FULL_LOOK_SECONDS": "2",
    "JUSTIN_GIT__WATCH_SECONDS": "1",
    "JUSTIN_OUTPUTS__LEASE_SECONDS": "5",
    "JUSTIN_OUTPUTS__FIRST_RETRY_SECONDS": "1",
    "JUSTIN_OUTPUTS__LAST_RETRY_SECONDS": "2",
}


def kill_component(directory: Path, name: str) -> None:
    """End a component and all its processes at once, as `kill -9` does."""
    members = signal_component(directory, name, signal.SIGKILL)
    wait_until(lambda: not any(identity.alive() for identity in members))


def signal_component(directory: Path, name: str, number: signal.Signals) -> list[Identity]:
    """Send a signal to all processes of a component, and return them."""
    known = processes.record(directory, name)
    assert known
    assert known.identity
    members = session_members(known.identity.pid)
    for identity in members:
        send_signal(identity, number)
    return members


@dataclass(frozen=True)
class Wanted:
    """What the grid under a system is like, and what is set in the system beyond `SETTINGS`."""

    pool: PoolKind = "processes"
    slots_per_site: int = SLOTS_PER_SITE
    fast: bool = False
    """What PostgreSQL has said is committed must be there after it was killed: only without this."""
    settings: Mapping[str, str] = field(default_factory=dict)
    containers_at: tuple[str, ...] = ()


@dataclass(frozen=True)
class System:
    """A running system and ways to look into it, to use it, and to hurt it."""

    servers: Servers
    client: Client
    rows: Rows
    wanted: Wanted

    @property
    def grid(self) -> Grid:
        """The grid under it."""
        return self.servers.grid

    @property
    def instance(self) -> str:
        """What its external names begin with."""
        return SETTINGS["JUSTIN_INSTANCE"]

    def submit(self, spec: WorkflowSpec) -> int:
        """Submit a workflow and return its id."""
        return self.client.create_workflow(spec, submit=True).workflow_id

    def finish(self, workflow_id: int, timeout_seconds: float = FINISH_SECONDS) -> WorkflowView:
        """Wait until a workflow is finished, however often the servers go away meanwhile."""
        ends = (WorkflowState.FINISHED, WorkflowState.FAILED, WorkflowState.PAUSED)
        workflow = self.client.wait(workflow_id, until=ends, timeout_seconds=timeout_seconds, poll_seconds=0.2)
        assert workflow.state == WorkflowState.FINISHED, (workflow.state, workflow.state_message)
        return workflow

    def kill(self, component: str) -> None:
        """End a component and all its processes at once, as `kill -9` does."""
        kill_component(self.grid.directory, component)

    @contextmanager
    def held(self, component: str) -> Iterator[None]:
        """Let a component do nothing, while it keeps its connections."""
        signal_component(self.grid.directory, component, signal.SIGSTOP)
        try:
            yield
        finally:
            signal_component(self.grid.directory, component, signal.SIGCONT)

    def kill_job(self, jobsub_id: str) -> None:
        """End all processes of one job at once."""
        for identity in marked_processes(f"JUSTIN_JOBSUB_ID={jobsub_id}"):
            send_signal(identity, signal.SIGKILL)

    def start(self) -> None:
        """Bring back whatever does not run."""
        _up(self.grid.directory, self.wanted, lambda _grid: components(self.servers))


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """A running system; workflows of different tests live in it side by side."""
    with running(Wanted()) as made:
        yield made


@contextmanager
def running(wanted: Wanted) -> Iterator[System]:
    """Run a system for as long as the context lasts."""
    with free_directory() as (directory, lock), cleaned_up(directory, holding=[lock]):
        if (directory / "grid.json").exists():
            lifecycle.down(directory, clean=True)
        try:
            yield from _running(directory, wanted)
        finally:
            lifecycle.down(directory, clean=True)


def _running(directory: Path, wanted: Wanted) -> Iterator[System]:
    ours: list[Servers] = []

    def more(grid: Grid) -> list[Component]:
        ours.append(servers.plan(grid, settings={**SETTINGS, **wanted.settings}))
        return components(ours[0])

    grid = _up(directory, wanted, more)
    with Client(ours[0].api_url) as client:
        yield System(ours[0], client, Rows(grid.database_url.replace("+psycopg", "")), wanted)


def _up(directory: Path, wanted: Wanted, more: Callable[[Grid], list[Component]]) -> Grid:
    return lifecycle.up(
        directory,
        fast=wanted.fast,
        slots_per_site=wanted.slots_per_site,
        pool=wanted.pool,
        containers_at=wanted.containers_at,
        more=more,
    )


def components(ours: Servers) -> list[Component]:
    """Return our servers, with all agents in one plain loop instead of Prefect."""
    agents = Component(
        name=AGENTS,
        command=(sys.executable, "-m", "tests.support.agents"),
        environment=ours.environment(),
        directory=ROOT,
        needs=(ALLOCATOR, "rucio", "metacat", "rcds"),
    )
    return [*ours.services(), agents]

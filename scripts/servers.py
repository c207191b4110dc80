"""Our own servers as components beside a local grid: services, dashboard, Prefect and the worker of the agents."""

import functools
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from flows.environment import prefect_environment
from localgrid import grid as grids
from localgrid.components import is_running
from localgrid.grid import Grid
from localgrid.ports import LOOPBACK, free_port, is_free
from localgrid.processes import Component
from localgrid.readiness import answers
from scripts import world

ROOT = Path(__file__).resolve().parents[1]
PORTS_FILE = "servers.json"
ALLOCATOR, API, DASHBOARD, PREFECT, WORKER = "allocator", "api", "dashboard", "prefect", "worker"
PORT_NAMES = (ALLOCATOR, API, DASHBOARD, PREFECT)
PREFECT_READY_SECONDS = 180
WORKER_STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Servers:
    """Where our servers are to listen, and with which settings they run."""

    grid: Grid
    ports: Mapping[str, int]
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further JUSTIN_* variables."""

    @property
    def api_url(self) -> str:
        """Where users talk to the system."""
        return f"http://{LOOPBACK}:{self.ports[API]}"

    @property
    def allocator_url(self) -> str:
        """Where jobs talk to the system."""
        return f"http://{LOOPBACK}:{self.ports[ALLOCATOR]}/api/allocator/"

    @property
    def prefect_url(self) -> str:
        """Where operators look at the agents."""
        return f"http://{LOOPBACK}:{self.ports[PREFECT]}"

    @property
    def dashboard_url(self) -> str:
        """Where everybody looks at workflows."""
        return f"http://{LOOPBACK}:{self.ports[DASHBOARD]}"

    def environment(self) -> dict[str, str]:
        """Return the settings of every one of them."""
        return {
            **grids.environment(self.grid),
            "JUSTIN_ALLOCATOR__URL": self.allocator_url,
            "JUSTIN_API__URL": self.api_url,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            **self.settings,
        }

    def services(self) -> list[Component]:
        """Return the two that answer requests; the first of them also brings the database up to date."""
        return [self.allocator(), self._service(API, "services.api", needs=(ALLOCATOR,))]

    def allocator(self) -> Component:
        """Return the one that jobs talk to; before it starts, the database is brought up to date."""
        return _prepared(self._service(ALLOCATOR, "services.allocator", needs=self._database()), self.grid)

    def components(self) -> list[Component]:
        """Return all of them, the agents as deployments of Prefect."""
        return [*self.services(), self._prefect(), self._worker(), self._dashboard()]

    def _prefect(self) -> Component:
        return Component(
            name=PREFECT,
            command=(sys.executable, "-m", "scripts.prefect_server", str(self.grid.directory)),
            environment={"PYTHONPATH": str(ROOT), **self._prefect_environment()},
            directory=ROOT,
            needs=self._database(),
            address=self.prefect_url,
            ready=answers(f"{self.prefect_url}/api/health"),
            ready_seconds=PREFECT_READY_SECONDS,
        )

    def _worker(self) -> Component:
        return Component(
            name=WORKER,
            command=(sys.executable, "-m", "flows.worker"),
            environment={**self.environment(), **self._prefect_environment()},
            directory=ROOT,
            needs=(ALLOCATOR, PREFECT, "rucio", "metacat", "rcds", "pool"),
            stop_seconds=WORKER_STOP_SECONDS,
        )

    def _dashboard(self) -> Component:
        options = {
            "server.address": LOOPBACK,
            "server.port": str(self.ports[DASHBOARD]),
            "server.headless": "true",
            "server.fileWatcherType": "none",
            "browser.gatherUsageStats": "false",
        }
        return Component(
            name=DASHBOARD,
            command=(
                *(sys.executable, "-m", "streamlit", "run", "streamlit_app/app.py"),
                *(f"--{name}={value}" for name, value in options.items()),
            ),
            environment=self.environment(),
            directory=ROOT,
            needs=(ALLOCATOR,),
            address=self.dashboard_url,
            ready=answers(f"{self.dashboard_url}/_stcore/health"),
        )

    def _prefect_environment(self) -> dict[str, str]:
        return prefect_environment(self.grid.directory / "prefect", self.ports[PREFECT])

    def _database(self) -> tuple[str, ...]:
        return ("postgres",) if self.grid.starts_postgres else ()

    def _service(self, name: str, module: str, needs: tuple[str, ...]) -> Component:
        url = f"http://{LOOPBACK}:{self.ports[name]}"
        return Component(
            name=name,
            command=(sys.executable, "-m", module, "--port", str(self.ports[name])),
            environment=self.environment(),
            directory=ROOT,
            needs=needs,
            address=url,
            ready=answers(f"{url}/health"),
        )


def plan(grid: Grid, *, settings: Mapping[str, str] | None = None) -> Servers:
    """Choose the ports of our servers, or keep those chosen before, and write them down beside the grid."""
    file = grid.directory / PORTS_FILE
    before: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    ports = {name: _port(grid.directory, name, before.get(name)) for name in PORT_NAMES}
    file.write_text(json.dumps(ports))
    return Servers(grid, ports, settings or {})


def _port(directory: Path, name: str, before: int | None) -> int:
    if before and (is_running(directory, name) or is_free(before)):
        return before
    return free_port()


def _prepared(component: Component, grid: Grid) -> Component:
    return replace(component, prepare=functools.partial(world.settle, grid))

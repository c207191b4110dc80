"""The command behind scripts/demo: start everything, do the work, show it; or stop exactly what was started."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from rich.console import Console

from justin import Client
from justin.errors import JustinError
from localgrid import lifecycle, processes
from localgrid.components import Progress, is_running
from localgrid.errors import GridError, NoGridError
from localgrid.grid import Grid, PoolKind
from scripts import dimuon, servers
from scripts.dimuon import WorkFailed
from scripts.servers import ROOT, Servers

DEFAULT_DIRECTORY = ROOT / "var/demo"
LOG_TAIL_LINES = 15
SHOWN_ON_FAILURE = (servers.WORKER, servers.ALLOCATOR, servers.API)

console = Console(highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    chosen = _parser().parse_args(arguments)
    directory = (chosen.caller / chosen.directory).resolve() if chosen.directory else DEFAULT_DIRECTORY
    if chosen.stop:
        return stop(directory)
    return start(directory, keep=chosen.keep, pool=chosen.pool)


def start(directory: Path, *, keep: bool, pool: PoolKind | None = None) -> int:
    """Start what does not run yet and do the demo's work; on failure, stop it again unless it is to be kept."""
    ran_before = is_running(directory, servers.API)
    try:
        _work(directory, pool)
    except (GridError, JustinError, WorkFailed) as error:
        console.print(f"\nThe demo failed: {error}", style="red", markup=False)
        _show_logs(directory)
    except KeyboardInterrupt:
        console.print("\nInterrupted.")
    else:
        return 0
    if not (keep or ran_before):
        stop(directory)
    return 1


def stop(directory: Path) -> int:
    """Stop everything that was started in the directory."""
    try:
        lifecycle.down(directory, report=_show)
    except NoGridError:
        console.print(f"No demo runs in {directory}.")
    else:
        console.print(f"Stopped. Its data are still in {directory}.")
    return 0


def _work(directory: Path, pool: PoolKind | None) -> None:
    began = time.monotonic()
    console.print(
        f"Starting a grid in {directory}: PostgreSQL, Rucio, MetaCat, job slots, Prefect and our own servers."
    )
    ours: list[Servers] = []

    def more(grid: Grid) -> list[processes.Component]:
        ours.append(servers.plan(grid))
        return ours[0].components()

    lifecycle.up(directory, pool=pool, more=more, report=_show)
    console.print(f"All servers are ready after {time.monotonic() - began:.0f} s.\n")
    with Client(ours[0].api_url) as client:
        picture = dimuon.run(client, directory, console)
    _say_where(ours[0], directory, picture, time.monotonic() - began)


def _say_where(ours: Servers, directory: Path, picture: Path, seconds: float) -> None:
    option = "" if directory == DEFAULT_DIRECTORY else f" --directory {directory}"
    console.print(f"Done in {seconds:.0f} s. The Z boson's peak: [bold]{picture}[/]")
    console.print(f"  Prefect, the agents at work:  {ours.prefect_url}")
    console.print(f"  Dashboard, the workflows:     {ours.dashboard_url}")
    console.print(f"  API and its documentation:    {ours.api_url}/docs")
    console.print(f"  Command line:                 export JUSTIN_URL={ours.api_url}; .venv/bin/justin show-workflows")
    console.print(f"  Stop all of it:               scripts/demo --stop{option}")


def _show(progress: Progress) -> None:
    seconds = f"{progress.seconds:6.1f} s" if progress.seconds else " " * 8
    console.print(f"{seconds}  {progress.component:<18} {progress.what}")


def _show_logs(directory: Path) -> None:
    for name in SHOWN_ON_FAILURE:
        log = processes.log_path(directory, name)
        if log.exists():
            console.print(f"\nThe end of {log}:", style="bold")
            for line in log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]:
                console.print(f"  {line}", markup=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--stop", action="store_true", help="stop exactly what the demo in this directory started")
    parser.add_argument("--keep", action="store_true", help="leave the servers up when something fails")
    parser.add_argument(
        "--pool", choices=get_args(PoolKind), help="where jobs run (HTCondor where it can be had, else processes)"
    )
    parser.add_argument("--directory", type=Path, help="where the demo keeps its data and its logs (var/demo)")
    parser.add_argument("--from", dest="caller", type=Path, default=Path(), help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""`python -m localgrid up|status|down` runs a whole grid on this machine."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from localgrid import lifecycle
from localgrid.components import Progress
from localgrid.errors import GridError
from localgrid.grid import SLOTS_PER_SITE, Grid, PoolKind, environment
from localgrid.lifecycle import Status
from localgrid.sites import SITES

DEFAULT_DIRECTORY = Path("var/grid")

app = typer.Typer(no_args_is_help=True, add_completion=False, help="A whole grid on one machine.")
console = Console(stderr=True)

Directory = Annotated[Path, typer.Option("--directory", "-d", help="Where the grid keeps its data and its state.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on standard output.")]


@app.command()
def up(
    directory: Directory = DEFAULT_DIRECTORY,
    *,
    fast: Annotated[bool, typer.Option(help="Let PostgreSQL lose data when the machine crashes.")] = False,
    slots: Annotated[int, typer.Option(min=1, help="Job slots per site.")] = SLOTS_PER_SITE,
    pool: Annotated[PoolKind | None, typer.Option(help="HTCondor where it can be had, when nothing is said.")] = None,
    containers: Annotated[bool, typer.Option(help="Let the jobs of an HTCondor pool find Apptainer.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start what does not run yet, and wait until all of it is ready."""
    grid = lifecycle.up(
        directory,
        fast=fast,
        slots_per_site=slots,
        pool=pool,
        containers_at=[site.name for site in SITES] if containers else (),
        report=show,
    )
    if as_json:
        print(json.dumps(_description(grid), indent=2))
    else:
        said = f"The grid in {grid.directory} is up. Stop it with: python -m localgrid down -d {directory}"
        console.print(said, soft_wrap=True)


@app.command()
def status(directory: Directory = DEFAULT_DIRECTORY, *, as_json: AsJson = False) -> None:
    """Show how each component is; the exit status is 1 when one does not run."""
    found = lifecycle.status(directory)
    if as_json:
        print(json.dumps([_fields(each) for each in found], indent=2))
    else:
        Console().print(_table(found))
    if any(each.state != "running" for each in found):
        raise typer.Exit(1)


@app.command()
def down(
    directory: Directory = DEFAULT_DIRECTORY,
    *,
    clean: Annotated[bool, typer.Option(help="Delete the grid's data too.")] = False,
) -> None:
    """Stop exactly what was started in the directory."""
    lifecycle.down(directory, clean=clean, report=show)


def show(progress: Progress) -> None:
    """Print what happened to a component."""
    seconds = f"{progress.seconds:6.1f} s" if progress.seconds else " " * 8
    style = {"failed": "red", "starting": "dim"}.get(progress.what, "green")
    console.print(f"{seconds}  {progress.component:<18} [{style}]{progress.what}[/]")


def _description(grid: Grid) -> dict[str, object]:
    """Return what a program wants to know of a grid; passwords are named by their files."""
    settings = environment(grid)
    del settings["JUSTIN_DATABASE__URL"]
    return {
        "directory": str(grid.directory),
        "rucio": grid.rucio_url,
        "metacat": grid.metacat_url,
        "rcds": grid.rcds_url,
        "pool": grid.condor.collector if grid.pool == "condor" else str(grid.pool_directory),
        "sites": {site.name: site.rse for site in grid.sites},
        "settings": settings,
    }


def _fields(each: Status) -> dict[str, object]:
    return {
        "component": each.component,
        "state": each.state,
        "address": each.address,
        "pid": each.pid,
        "uptime_seconds": each.uptime_seconds,
    }


def _table(found: list[Status]) -> Table:
    table = Table("component", "state", "pid", "address", "uptime")
    for each in found:
        uptime = f"{each.uptime_seconds:.0f} s" if each.uptime_seconds is not None else ""
        table.add_row(each.component, each.state, str(each.pid or ""), each.address, uptime)
    return table


def main() -> None:
    """Run the command; what goes wrong with the grid is a message, not a traceback."""
    try:
        app(standalone_mode=True)
    except GridError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()

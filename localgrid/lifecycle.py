"""Up, status and down of a whole grid."""

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from localgrid import apptainer, condor, condor_programs, postgres, processes, rucio_environment
from localgrid import grid as grids
from localgrid.components import Progress, Report, silent, start_all, stop_all
from localgrid.debian_programs import Programs
from localgrid.errors import GridError, NoGridError
from localgrid.grid import Grid, PoolKind, locked
from localgrid.metacat.settings import Settings, User
from localgrid.pool import layout as pool
from localgrid.pool.server import end_jobs
from localgrid.processes import Component
from localgrid.programs import end_left, run_alone
from localgrid.rcds.settings import Settings as RcdsSettings
from localgrid.readiness import answers
from localgrid.secret_files import keep_secret
from localgrid.sites import CODE_REPOSITORIES, READER_USER, SERVICE_USER

FILL_SECONDS = 300
ROOT = Path(__file__).resolve().parent.parent
KEPT_BY_CLEANING = (grids.LOCK_FILE, grids.IN_USE_FILE)


@dataclass(frozen=True, slots=True)
class Status:
    """How a component is."""

    component: str
    state: str
    address: str
    pid: int | None
    uptime_seconds: float | None


def nothing_more(_grid: Grid) -> Iterable[Component]:
    """Start the grid alone."""
    return ()


def up(
    directory: Path,
    *,
    fast: bool = False,
    slots_per_site: int = grids.SLOTS_PER_SITE,
    pool: PoolKind | None = "processes",
    containers_at: Sequence[str] = (),
    more: Callable[[Grid], Iterable[Component]] = nothing_more,
    report: Report = silent,
) -> Grid:
    """Start what does not run yet of the grid in a directory and return the grid once all of it is ready.

    `more` names further components, which start beside the grid's own as soon as those they need are ready. With no
    `pool` named a grid keeps its own; that of a new one is HTCondor where that can be had, and `report` is told why
    where it cannot. At sites named in `containers_at` the jobs of an HTCondor pool find Apptainer.
    May be repeated, also after having been killed at any point.
    """
    directory = directory.resolve()
    with locked(directory):
        _build_environment(report)
        kind = choose_pool(pool or _pool_there(directory), report)
        if containers_at and kind == "condor":
            _build(apptainer.PROGRAMS, report)
        grid = grids.plan(directory, fast=fast, slots_per_site=slots_per_site, pool=kind, containers_at=containers_at)
        start_all(directory, [*components(grid), *more(grid)], report)
    return grid


def _pool_there(directory: Path) -> PoolKind | None:
    """Return the kind of pool that the grid in a directory has; None where there is no grid yet."""
    return Grid.read(directory).pool if (directory / grids.STATE_FILE).exists() else None


def choose_pool(wanted: PoolKind | None, report: Report = silent) -> PoolKind:
    """Return the pool that is wanted, HTCondor built, or what there can be when nothing is said."""
    if wanted == "processes":
        return wanted
    why = condor.obstacle() or _build_condor(report)
    if not why:
        return "condor"
    if wanted:
        raise GridError(f"there can be no HTCondor pool here: {why}")
    report(Progress("pool", f"of processes, as there can be no HTCondor here: {why.splitlines()[0]}"))
    return "processes"


def start(directory: Path, more: Iterable[Component], report: Report = silent) -> None:
    """Start further components beside a grid's own; `down` stops them too."""
    directory = directory.resolve()
    with locked(directory):
        start_all(directory, more, report)


def down(directory: Path, *, clean: bool = False, report: Report = silent) -> None:
    """Stop everything that was started in a directory, and delete its data if they are to be cleaned."""
    directory = directory.resolve()
    if not (directory / grids.STATE_FILE).exists() and not processes.records(directory):
        raise NoGridError(f"there is no grid in {directory}")
    with locked(directory):
        if clean:
            _drop_databases(directory, report)
        stop_all(directory, report)
        end_jobs(directory / "pool")
        end_left(directory)
        if clean:
            _delete(directory)


def status(directory: Path) -> list[Status]:
    """Return how each component of a grid is, those that were never started included."""
    grid = Grid.read(directory)
    known = {record.name: record for record in processes.records(grid.directory)}
    names = dict.fromkeys([*(component.name for component in components(grid)), *known])
    found = []
    for name in names:
        record = known.get(name)
        running = record is not None and record.running()
        identity = record.identity if record and running else None
        found.append(
            Status(
                component=name,
                state="running" if running else ("died" if record else "stopped"),
                address=record.address if record else "",
                pid=identity.pid if identity else None,
                uptime_seconds=identity.age_seconds() if identity else None,
            )
        )
    return found


def components(grid: Grid) -> list[Component]:
    """Return the components of a grid."""
    needs_postgres = ("postgres",) if grid.starts_postgres else ()
    own = [_postgres(grid)] if grid.starts_postgres else []
    job_slots = grid.condor.component() if grid.pool == "condor" else _pool(grid)
    return [*own, *_rucio(grid, needs_postgres), _metacat(grid, needs_postgres), _rcds(grid), job_slots]


def _postgres(grid: Grid) -> Component:
    component = grids.installation(grid).component()

    def settle() -> None:
        grid.server.ensure_database(grid.database_name)

    return replace(component, settle=settle)


def _rucio(grid: Grid, needs: tuple[str, ...]) -> list[Component]:
    server, daemons = grid.rucio.components()

    def settle() -> None:
        _fill_rucio(grid)

    return [replace(server, needs=needs, settle=settle), replace(daemons, needs=needs)]


def _fill_rucio(grid: Grid) -> None:
    """Say to Rucio what it has to know; in a process of its own, for its client reads its configuration once."""
    # A server that runs may have been prepared by an earlier version of ours.
    grid.rucio.write_configuration()
    command = (sys.executable, "-m", "localgrid.rucio_catalogue", str(grid.directory))
    environment = {"RUCIO_HOME": str(grid.rucio.root_home), "PYTHONPATH": str(ROOT)}
    done = run_alone(grid.directory, "rucio-catalogue", command, FILL_SECONDS, environment)
    if done.returncode:
        raise GridError(f"Rucio could not be filled:\n{done.stdout}{done.stderr}")


def _metacat(grid: Grid, needs: tuple[str, ...]) -> Component:
    home = grid.directory / "metacat"
    configuration = home / "configuration.json"
    database_name = grid.service_database(grids.METACAT_DATABASE)
    users = (SERVICE_USER, READER_USER)

    def prepare() -> None:
        grid.server.ensure_database(database_name)
        for name in (*(f"metacat-{user}" for user in users), "metacat-token-key"):
            grid.secret(name)
        settings = Settings(
            port=grid.ports["metacat"],
            database_url=grid.server.url(database_name),
            token_key_file=grid.secret_file("metacat-token-key"),
            users=[User(name=user, password_file=grid.secret_file(f"metacat-{user}")) for user in users],
            namespaces=list(grid.scopes),
        )
        keep_secret(configuration, settings.model_dump_json(indent=2))

    return Component(
        name="metacat",
        command=(sys.executable, "-m", "localgrid.metacat", str(configuration)),
        environment={"PYTHONPATH": str(ROOT)},
        needs=needs,
        address=grid.metacat_url,
        ready=answers(f"{grid.metacat_url}/health"),
        prepare=prepare,
    )


def _rcds(grid: Grid) -> Component:
    configuration = grid.directory / "rcds" / "configuration.json"

    def prepare() -> None:
        grid.secret("rcds")
        settings = RcdsSettings(
            port=grid.ports["rcds"],
            directory=grid.code_directory,
            queue_directory=grid.directory / "rcds" / "queue",
            repositories=list(CODE_REPOSITORIES),
            token_file=grid.secret_file("rcds"),
        )
        keep_secret(configuration, settings.model_dump_json(indent=2))

    return Component(
        name="rcds",
        command=(sys.executable, "-m", "localgrid.rcds", str(configuration)),
        environment={"PYTHONPATH": str(ROOT)},
        address=grid.rcds_url,
        ready=answers(f"{grid.rcds_url}/pubapi/ping"),
        prepare=prepare,
    )


def _pool(grid: Grid) -> Component:
    settings = pool.Settings(
        slots={site.name: grid.slots_per_site for site in grid.sites},
        entries={site.name: site.entry for site in grid.sites},
        path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
    )

    def prepare() -> None:
        pool.create(grid.pool_directory, settings)

    return Component(
        name="pool",
        command=(sys.executable, "-m", "localgrid.pool", str(grid.pool_directory)),
        environment={"PYTHONPATH": str(ROOT)},
        address=str(grid.pool_directory),
        ready=lambda: pool.is_serving(grid.pool_directory),
        prepare=prepare,
        stop_seconds=30,
    )


def _build_environment(report: Report) -> None:
    if rucio_environment.is_built():
        return
    began = time.monotonic()
    report(Progress("rucio environment", "building"))
    rucio_environment.build()
    report(Progress("rucio environment", "ready", time.monotonic() - began))


def _build_condor(report: Report) -> str:
    """Build HTCondor's programs unless they are there, and return why that cannot be done."""
    try:
        _build(condor_programs.PROGRAMS, report)
    except GridError as error:
        return str(error)
    return ""


def _build(programs: Programs, report: Report) -> None:
    """Build programs unless they are there; raises `GridError` where that cannot be done."""
    if programs.is_built():
        return
    began = time.monotonic()
    report(Progress(programs.name, "building"))
    programs.build()
    report(Progress(programs.name, "ready", time.monotonic() - began))


def _drop_databases(directory: Path, report: Report) -> None:
    """Drop what we created on the user's own server; what is on ours goes with its data directory."""
    try:
        grid = Grid.read(directory)
    except NoGridError:
        return
    if not grid.starts_postgres and grid.server.accepts_connections():
        stop_all(directory, report)
        for name in grid.created_databases:
            grid.server.drop_database(name)


def _delete(directory: Path) -> None:
    """Delete everything in a grid's directory; where only single servers ran, nothing but what is ours by name."""
    has_grid = (directory / grids.STATE_FILE).exists()
    postgres.remove_data(directory)
    for entry in directory.iterdir():
        if entry.name in KEPT_BY_CLEANING or not (has_grid or entry.name in grids.OWN_NAMES):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)

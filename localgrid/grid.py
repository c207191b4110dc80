"""What a grid is: the file `grid.json` in its directory, and the settings that make our servers use it."""

import fcntl
import getpass
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from localgrid import postgres, rucio
from localgrid.components import is_running
from localgrid.condor import Pool as CondorPool
from localgrid.errors import GridError, NoGridError
from localgrid.ports import LOOPBACK, free_port, is_free
from localgrid.postgres import Server
from localgrid.rucio import RucioServer
from localgrid.secret_files import keep_secret, secret_in
from localgrid.sites import SCOPES, SERVICE_USER, SITES, Site

STATE_FILE = "grid.json"
LOCK_FILE = "lock"
IN_USE_FILE = "in-use"
"""A lock that tests hold as long as the directory is theirs."""
OWN_NAMES = {
    STATE_FILE, LOCK_FILE, IN_USE_FILE, "condor", "cvmfs", "git", "log", "metacat", "pool", "postgres", "postgres.new",
    "postgres.password", "programs", "rcds", "repositories", "rucio", "run", "secrets", "storage",
}  # fmt: skip
PORT_NAMES = ("postgres", "rucio", "metacat", "rcds", "pool")
DATABASE = "justin"
METACAT_DATABASE = "metacat"
SLOTS_PER_SITE = 2
PoolKind = Literal["condor", "processes"]


class Grid(BaseModel):
    """A grid in a directory. The file holds the database's password, so only its owner may read it."""

    model_config = ConfigDict(frozen=True)

    directory: Path
    ports: dict[str, int]
    database_server: str = Field(repr=False)
    """URL of the PostgreSQL server's maintenance database."""
    starts_postgres: bool = True
    """False when the user's own server is used."""
    database_name: str = DATABASE
    """Our own system's database; the others are named after it on the user's own server."""
    fast: bool = False
    """Whether PostgreSQL may lose data when the machine crashes."""
    slots_per_site: int = SLOTS_PER_SITE
    pool: PoolKind = "processes"
    containers_at: tuple[str, ...] = ()
    """Sites of an HTCondor pool where jobs find Apptainer."""
    sites: tuple[Site, ...] = SITES
    scopes: tuple[str, ...] = SCOPES

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read the grid of a directory; raises `NoGridError` when there is none."""
        file = directory.resolve() / STATE_FILE
        try:
            return cls.model_validate_json(file.read_text())
        except FileNotFoundError:
            raise NoGridError(f"there is no grid in {directory}") from None

    @property
    def server(self) -> Server:
        """The PostgreSQL server."""
        return Server(self.database_server)

    @property
    def rucio(self) -> RucioServer:
        """The Rucio server."""
        return RucioServer(
            home=self.directory / "rucio",
            port=self.ports["rucio"],
            database=self.server,
            database_name=self.service_database(rucio.DATABASE),
            root_password_file=self.secret_file("rucio-root"),
        )

    @property
    def rucio_url(self) -> str:
        """The address of Rucio."""
        return self.rucio.url

    @property
    def metacat_url(self) -> str:
        """The address of MetaCat."""
        return f"http://{LOOPBACK}:{self.ports['metacat']}"

    @property
    def rcds_url(self) -> str:
        """The address of RCDS."""
        return f"http://{LOOPBACK}:{self.ports['rcds']}"

    @property
    def code_directory(self) -> Path:
        """Where jobs see what RCDS publishes, as elsewhere below /cvmfs."""
        return self.directory / "cvmfs"

    @property
    def pool_directory(self) -> Path:
        """The directory through which jobs are put into the pool of processes."""
        return self.directory / "pool"

    @property
    def condor(self) -> CondorPool:
        """The HTCondor pool."""
        return CondorPool(
            directory=self.directory / "condor",
            port=self.ports["pool"],
            sites=self.sites,
            slots_per_site=self.slots_per_site,
            token_directory=self.secret_file("condor"),
            fast=self.fast,
            containers_at=self.containers_at,
        )

    @property
    def database_url(self) -> str:
        """The URL of our own system's database, as SQLAlchemy wants it."""
        return self.server.url(self.database_name, "psycopg")

    @property
    def created_databases(self) -> tuple[str, ...]:
        """The databases that the grid has made for its services."""
        return tuple(self.service_database(name) for name in (rucio.DATABASE, METACAT_DATABASE))

    def service_database(self, service: str) -> str:
        """Return the name of a service's database: on a server of our own there is no other of that name."""
        return service if self.starts_postgres else f"{self.database_name}_{service}"

    def secret_file(self, name: str) -> Path:
        """Return the file that holds a password: `rucio-USER` or `metacat-USER`; `rcds` a token, `condor` several."""
        return self.directory / "secrets" / name

    def secret(self, name: str) -> str:
        """Return a password, made up the first time."""
        return secret_in(self.secret_file(name))

    def storage_directory(self, rse: str) -> Path:
        """Return where a storage keeps its files."""
        return self.directory / "storage" / rse


def plan(
    directory: Path,
    *,
    fast: bool = False,
    slots_per_site: int = SLOTS_PER_SITE,
    pool: PoolKind = "processes",
    containers_at: Sequence[str] = (),
) -> Grid:
    """Decide on ports and servers for the grid in a directory and write `grid.json`, before anything is started.

    What an earlier grid there decided stays, except for ports that somebody else has taken since. Raises when the
    directory holds other things: it belongs to the grid, which deletes all of it when it is cleaned.
    """
    directory = directory.resolve()
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    strangers = sorted(entry.name for entry in directory.iterdir() if entry.name not in OWN_NAMES)
    if strangers and not (directory / STATE_FILE).exists():
        raise GridError(f"{directory} holds no grid but other things ({', '.join(strangers[:3])}): take an empty one")
    own = postgres.users_own()
    ports = _ports(directory)
    grid = Grid(
        directory=directory,
        ports=ports,
        database_server=own.maintenance_url if own else _our_server(directory, ports["postgres"], fast=fast),
        starts_postgres=own is None,
        database_name=own.database if own else DATABASE,
        fast=fast,
        slots_per_site=slots_per_site,
        pool=pool,
        containers_at=tuple(containers_at),
    )
    keep_secret(directory / STATE_FILE, grid.model_dump_json(indent=2))
    return grid


def installation(grid: Grid) -> postgres.Installation:
    """Return the PostgreSQL installation of a grid that starts its own."""
    return postgres.install(grid.directory, grid.ports["postgres"], grid.secret("postgres"), fast=grid.fast)


def environment(grid: Grid) -> dict[str, str]:
    """Return the settings with which the system's own servers use the grid."""
    return {
        "JUSTIN_DATABASE__URL": grid.database_url,
        "JUSTIN_RUCIO__URL": grid.rucio_url,
        "JUSTIN_RUCIO__ACCOUNT": SERVICE_USER,
        "JUSTIN_RUCIO__USERNAME": SERVICE_USER,
        "JUSTIN_RUCIO__PASSWORD_FILE": str(grid.secret_file(f"rucio-{SERVICE_USER}")),
        "JUSTIN_METACAT__URL": grid.metacat_url,
        "JUSTIN_METACAT__USERNAME": SERVICE_USER,
        "JUSTIN_METACAT__PASSWORD_FILE": str(grid.secret_file(f"metacat-{SERVICE_USER}")),
        **_pool_environment(grid),
        "JUSTIN_API__ADMINISTRATORS": json.dumps([getpass.getuser()]),
        # The nodes are this machine, and the users its own.
        "JUSTIN_CONTAINERS__PRIVILEGED_QUOTAS": json.dumps(["*"]),
        "JUSTIN_REPLICAS__SCHEMES": json.dumps(["file"]),
        "JUSTIN_RCDS__URLS": json.dumps([grid.rcds_url]),
        "JUSTIN_RCDS__TOKEN_FILE": str(grid.secret_file("rcds")),
        # Repositories that are put there need no host.
        "JUSTIN_GIT__DIRECTORY": str(grid.directory / "repositories"),
        "JUSTIN_GIT__MIRRORS": str(grid.directory / "git"),
        "RUCIO_HOME": str(grid.rucio.client_home),
    }


def _pool_environment(grid: Grid) -> dict[str, str]:
    if grid.pool == "processes":
        return {"JUSTIN_POOL__KIND": grid.pool, "JUSTIN_POOL__DIRECTORY": str(grid.pool_directory)}
    return {
        "JUSTIN_POOL__KIND": grid.pool,
        "JUSTIN_POOL__COLLECTOR": grid.condor.collector,
        "JUSTIN_POOL__TOKEN_DIRECTORY": str(grid.condor.token_directory),
    }


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other commands away from a grid; the lock goes with the process that holds it."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _our_server(directory: Path, port: int, *, fast: bool) -> str:
    password = secret_in(directory / "secrets" / "postgres")
    return postgres.install(directory, port, password, fast=fast).server().maintenance_url


def _ports(directory: Path) -> dict[str, int]:
    try:
        before = Grid.read(directory).ports
    except NoGridError:
        before = {}
    ports: dict[str, int] = {}
    for name in PORT_NAMES:
        port = before.get(name)
        if port is None or not (is_running(directory, name) or is_free(port)):
            port = free_port()
        ports[name] = port
    return ports

"""PostgreSQL: the user's own server when JUSTIN_DATABASE__URL names one, else one that we start.

Ours listens on TCP at 127.0.0.1 and on a socket in its data directory, asks for a password, and runs until stopped.
"""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from localgrid import processes
from localgrid.accounts import PRIVATE_ROOT, Account, private_directory, unprivileged
from localgrid.errors import ComponentError, GridError
from localgrid.guard import cleaned_up
from localgrid.identity import working_in
from localgrid.ports import LOOPBACK, free_port, is_free
from localgrid.postgres_programs import find_programs, reachable
from localgrid.programs import end_left, run_alone
from localgrid.secret_files import keep_secret, secret_in

URL_VARIABLE = "JUSTIN_DATABASE__URL"
COMPONENT = "postgres"
PROGRAM = "postgres"
SUPERUSER = "postgres"
MAINTENANCE_DATABASE = "postgres"
CONNECT_SECONDS = 5
INITDB_SECONDS = 120
LONGEST_SOCKET_PATH = 100
START_ATTEMPTS = 3

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "max_connections": "300",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# A crash of the machine loses these databases; a crash of the server does not.
FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL server that accepts connections."""

    maintenance_url: str = field(repr=False)

    def url(self, database: str, driver: str = "") -> str:
        """Return the URL of a database, as `postgresql+DRIVER://` when SQLAlchemy wants to know the driver."""
        parts = urlsplit(self.maintenance_url)
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return urlunsplit(parts._replace(scheme=scheme, path=f"/{database}"))

    @property
    def database(self) -> str:
        """The name of the maintenance database."""
        return urlsplit(self.maintenance_url).path.lstrip("/")

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, from a template nobody is connected to if one is named, and return its URL."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        with self._connection() as connection:
            connection.execute(statement)
        return self.url(name)

    def ensure_database(self, name: str) -> str:
        """Create a database unless it is there, and return its URL."""
        with self._connection() as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if there:
            return self.url(name)
        try:
            return self.create_database(name)
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and disconnect whoever uses it; one that is not there is no error."""
        with self._connection() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def accepts_connections(self) -> bool:
        """Say whether the server answers a query."""
        try:
            with self._connection() as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _connection(self) -> psycopg.Connection:
        return psycopg.connect(self.maintenance_url, autocommit=True, connect_timeout=CONNECT_SECONDS)


def users_own() -> Server | None:
    """Return the server that JUSTIN_DATABASE__URL names, or None when it names none."""
    url = os.environ.get(URL_VARIABLE)
    if not url:
        return None
    parts = urlsplit(url)
    return Server(urlunsplit(parts._replace(scheme="postgresql")))


@dataclass(frozen=True, slots=True)
class Installation:
    """A data directory with all that is needed to run a server on it."""

    owner: Path
    """The directory of the grid."""
    place: Path
    """Where its data are."""
    port: int
    password: str = field(repr=False)
    fast: bool
    account: Account | None
    programs: Path

    @property
    def data(self) -> Path:
        """The data directory, which belongs to the account."""
        return self.place / "postgres"

    def server(self) -> Server:
        """Return the server that runs on it."""
        address = f"{SUPERUSER}:{quote(self.password, safe='')}@{LOOPBACK}:{self.port}"
        return Server(f"postgresql://{address}/{MAINTENANCE_DATABASE}")

    def component(self) -> processes.Component:
        """Return the server as a component of a grid."""
        command = (str(self.programs / "postgres"), "-D", str(self.data), *self._options())
        return processes.Component(
            name=COMPONENT,
            command=self.account.command(*command) if self.account else command,
            address=f"{LOOPBACK}:{self.port}",
            ready=self.server().accepts_connections,
            prepare=self.prepare,
            stop_signal=signal.SIGINT,  # ends the sessions of others; SIGTERM would wait for them
            stop_seconds=30,
            data_directory=self.data,
            program=PROGRAM,
        )

    def prepare(self) -> None:
        """See that there is a data directory on which a server can start."""
        if not self.data.exists():
            self._create()
        # A killed server leaves its locks, and they hold as long as nobody has reaped the process named in them.
        if not working_in(self.data, PROGRAM):
            for lock in (self.data / "postmaster.pid", *self.data.glob(".s.PGSQL.*")):
                lock.unlink(missing_ok=True)

    def _create(self) -> None:
        """Make the data directory, in one step: one that initdb was killed in is made again."""
        new = self.place / "postgres.new"
        password_file = self.place / "postgres.password"
        end_left(self.owner, "initdb", working=(new, PROGRAM))
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        keep_secret(password_file, self.password)
        self._give(new, password_file)
        self._initdb(new, password_file)
        password_file.unlink()
        new.rename(self.data)

    def remove(self) -> None:
        """Remove the data of a stopped server, and the place if we made it outside of the grid's directory."""
        new = self.place / "postgres.new"
        # One that has lost whoever started it would write into what is being removed.
        end_left(self.owner, "initdb", working=(new, PROGRAM))
        for path in (self.data, new, self.place / "programs"):
            shutil.rmtree(path, ignore_errors=True)
        (self.place / "postgres.password").unlink(missing_ok=True)
        if self.place.parent == PRIVATE_ROOT:
            self.place.rmdir()

    def _give(self, *paths: Path) -> None:
        for path in paths:
            if self.account:
                os.chown(path, self.account.user_id, self.account.group_id)

    def _initdb(self, data: Path, password_file: Path) -> None:
        words = [str(self.programs / "initdb"), "-D", str(data), "-U", SUPERUSER, f"--pwfile={password_file}"]
        words += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
        words += ["--no-sync"] if self.fast else []
        command = self.account.command(*words) if self.account else tuple(words)
        done = run_alone(self.owner, "initdb", command, INITDB_SECONDS)
        if done.returncode:
            message = f"initdb failed for {data}:\n{done.stdout}{done.stderr}"
            raise GridError(message)

    def _options(self) -> list[str]:
        settings = {**SETTINGS, **(FAST_SETTINGS if self.fast else {}), "port": str(self.port)}
        # A socket's path has an upper limit in the kernel; without a socket there still is TCP.
        fits = len(str(self.data)) < LONGEST_SOCKET_PATH - len(".s.PGSQL.65535")
        settings["unix_socket_directories"] = str(self.data) if fits else ""
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def install(directory: Path, port: int, password: str, *, fast: bool = False) -> Installation:
    """Choose programs, account and place for a server of the grid in `directory`; nothing is started yet."""
    account = unprivileged()
    place = directory if account is None or account.reaches(directory) else private_directory(directory)
    return Installation(directory, place, port, password, fast, account, reachable(find_programs(), account, place))


@contextmanager
def running(directory: Path, *, fast: bool = False, keep: bool = False) -> Iterator[Server]:
    """Run a server in `directory` for as long as the context lasts; its data go with it unless they are to be kept.

    When JUSTIN_DATABASE__URL names a server, that one is used and nothing is started. When we are killed the server
    is stopped too, by a process that waits for that, unless its data are to be kept.
    """
    own = users_own()
    if own:
        yield own
        return
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    password = secret_in(directory / "secrets" / "postgres")
    with nullcontext() if keep else cleaned_up(directory):
        try:
            yield _start_on_free_port(directory, password, fast=fast).server()
        finally:
            processes.stop(directory, COMPONENT)
            if not keep:
                remove_data(directory)


def remove_data(directory: Path) -> None:
    """Remove the data of the stopped server of a directory, wherever they are."""
    install(directory, 0, "").remove()


def _start_on_free_port(directory: Path, password: str, *, fast: bool) -> Installation:
    for _ in range(START_ATTEMPTS):
        installation = install(directory, free_port(), password, fast=fast)
        try:
            processes.start(directory, installation.component())
        except ComponentError:
            if is_free(installation.port):
                raise
        else:
            return installation
    message = f"another program took each of {START_ATTEMPTS} ports that were free for PostgreSQL"
    raise GridError(message)

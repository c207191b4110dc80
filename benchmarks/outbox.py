"""How fast outputs get into Rucio and MetaCat, beside the fewest calls in bulk that tell the same."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from metacat.webapi import MetaCatClient
from pydantic import SecretStr

from benchmarks import outbox_world
from benchmarks.outbox_world import ACCOUNT, LIFETIME_SECONDS, RSE, SCOPE
from benchmarks.report import Figure, Report, progress
from engine import outputs, wiring
from engine.chunks import chunks
from engine.ports import NewFile
from engine.runtime import Runtime
from engine.settings import Database, MetaCat, Pool, Replicas, Rucio, Settings
from localgrid import lifecycle
from localgrid.grid import Grid
from localgrid.guard import cleaned_up
from models import database

OUTPUTS, QUICK_OUTPUTS = 10_000, 2_000
WANTED_SHARE: Final = 0.6


@dataclass(frozen=True, slots=True)
class Clients:
    """The packaged clients, signed in."""

    rucio: Any
    metacat: Any


def measure(*, quick: bool) -> Report:
    """Register outputs on a grid of its own."""
    with _grid() as (runtime, clients):
        return measure_outputs(runtime, clients, QUICK_OUTPUTS if quick else OUTPUTS)


def measure_outputs(runtime: Runtime, clients: Clients, count: int) -> Report:
    """Measure with so many outputs: ours and bare calls take turns, so that both meet the servers in the same state."""
    progress(f"making jobs that have uploaded {count:,} outputs")
    world = outbox_world.build(runtime, count)
    bare = _Bare(clients, world.word)
    bare.prepare()
    batch = runtime.settings.outputs.batch
    progress("telling the catalogues of a batch by ours, then of as many files by bare calls, and so on")
    seconds = bare_seconds = 0.0
    for chunk in chunks(_renamed(world.files), batch):
        seconds += _timed(partial(_register, runtime, len(chunk)))
        bare_seconds += _timed(partial(bare.tell, chunk))
    return Report("outbox", _figures(count, seconds, bare_seconds), _remarks(count, batch))


def _figures(count: int, seconds: float, bare: float) -> list[Figure]:
    bare_per_s = count / bare
    return [
        Figure("files_per_s", count / seconds, f"bare calls {bare_per_s:,.0f}; wanted {WANTED_SHARE:.0%} of it"),
        Figure("bare_per_s", bare_per_s),
        Figure("share", count / seconds / bare_per_s, f"limit {WANTED_SHARE}"),
        Figure("seconds", seconds),
        Figure("outputs", count),
    ]


def _remarks(count: int, batch: int) -> list[str]:
    return [
        *([] if count == OUTPUTS else [f"A smaller problem: {count:,} outputs instead of {OUTPUTS:,}."]),
        f"Both tell {batch} files at once.",
        "Bare calls add replicas and attach them to two datasets; in another thread they declare the files, with",
        "metadata and parents, and put them into the second dataset. They look at nothing before or after.",
        "PostgreSQL (committing to disk), Rucio and MetaCat are real, and share two cores with everything else.",
    ]


def _timed(act: Callable[[], None]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _register(runtime: Runtime, count: int) -> None:
    report = outputs.register_outputs(runtime)
    if report.outputs != count:
        raise RuntimeError(f"{report.outputs} outputs were registered instead of {count}. {report.problem}")


def _renamed(files: Sequence[NewFile]) -> list[NewFile]:
    return [replace(file, did=f"{file.did}.bare") for file in files]


@dataclass(frozen=True, slots=True)
class _Bare:
    """The fewest calls of the packaged clients that tell the same."""

    clients: Clients
    word: str

    @property
    def datasets(self) -> list[str]:
        return [f"{self.word}-{RSE}", self.word]

    def prepare(self) -> None:
        """Make the datasets, the first with its rule."""
        for name in self.datasets:
            self.clients.rucio.add_dataset(SCOPE, name)
            self.clients.metacat.create_dataset(f"{SCOPE}:{name}")
        at_storage = {"scope": SCOPE, "name": self.datasets[0]}
        self.clients.rucio.add_replication_rule([at_storage], 1, RSE, lifetime=LIFETIME_SECONDS, account=ACCOUNT)

    def tell(self, files: Sequence[NewFile]) -> None:
        """Tell both catalogues at once."""
        with ThreadPoolExecutor(2) as threads:
            told = [threads.submit(tell, files) for tell in (self._tell_rucio, self._tell_metacat)]
        for each in told:
            each.result()

    def _tell_rucio(self, files: Sequence[NewFile]) -> None:
        dids = [dict(zip(("scope", "name"), file.did.split(":"), strict=True)) for file in files]
        about = [{"bytes": file.size_bytes, "adler32": file.adler32} for file in files]
        self.clients.rucio.add_replicas(RSE, [{**did, **more} for did, more in zip(dids, about, strict=True)])
        attachments = [{"scope": SCOPE, "name": name, "dids": dids} for name in self.datasets]
        self.clients.rucio.attach_dids_to_dids(attachments)

    def _tell_metacat(self, files: Sequence[NewFile]) -> None:
        at_storage, destination = (f"{SCOPE}:{name}" for name in self.datasets)
        self.clients.metacat.declare_files(at_storage, [_declaration(file) for file in files])
        self.clients.metacat.add_files(destination, file_list=[_name(file) for file in files])


def _declaration(file: NewFile) -> dict[str, Any]:
    parents = [{"did": parent} for parent in file.parents]
    about = {"size": file.size_bytes, "checksums": {"adler32": file.adler32}, "parents": parents}
    return {**_name(file), **about, "metadata": dict(file.metadata)}


def _name(file: NewFile) -> dict[str, str]:
    return dict(zip(("namespace", "name"), file.did.split(":"), strict=True))


@contextmanager
def _grid() -> Iterator[tuple[Runtime, Clients]]:
    """Start a grid."""
    with tempfile.TemporaryDirectory(prefix="justin-benchmark-") as folder, cleaned_up(Path(folder)):
        directory = Path(folder)
        directory.chmod(0o755)
        progress("starting PostgreSQL, Rucio and MetaCat")
        try:
            grid = lifecycle.up(directory)
            _upgrade(grid)
            runtime = wiring.assemble(_settings(grid), "justin-benchmark")
            yield runtime, clients(grid)
            runtime.database.close()
        finally:
            lifecycle.down(directory, clean=True)


def _upgrade(grid: Grid) -> None:
    opened = database.connect(grid.database_url)
    database.upgrade(opened)
    opened.close()


def _settings(grid: Grid) -> Settings:
    return Settings(
        database=Database(url=SecretStr(grid.database_url)),
        rucio=Rucio(
            url=grid.rucio_url,
            account=ACCOUNT,
            username=ACCOUNT,
            password_file=grid.secret_file(f"rucio-{ACCOUNT}"),
        ),
        metacat=MetaCat(url=grid.metacat_url, username=ACCOUNT, password_file=grid.secret_file(f"metacat-{ACCOUNT}")),
        replicas=Replicas(schemes=["file"]),
        pool=Pool(kind="processes", directory=grid.pool_directory),
    )


def clients(grid: Grid) -> Clients:
    """Return the packaged clients for a grid, signed in as the service's account."""
    # Rucio's reads its configuration when it is imported, and from a file only.
    os.environ.setdefault("RUCIO_HOME", str(grid.rucio.client_home))
    from rucio.client import Client

    creds = {"username": ACCOUNT, "password": grid.secret(f"rucio-{ACCOUNT}")}
    url = grid.rucio_url
    rucio = Client(rucio_host=url, auth_host=url, account=ACCOUNT, auth_type="userpass", creds=creds)
    metacat = MetaCatClient(grid.metacat_url, token_library=str(grid.directory / "run" / "tokens"))
    metacat.login_password(ACCOUNT, grid.secret(f"metacat-{ACCOUNT}"))
    return Clients(rucio, metacat)

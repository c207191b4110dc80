"""How fast outputs get into Rucio and MetaCat, beside the fewest calls in bulk that tell the same."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
    """Measure with so many outputs: half of the bare calls before, half after, so that both meet the same servers."""
    progress(f"making jobs that have uploaded {count:,} outputs, and as many files for bare calls")
    ours = outbox_world.build(runtime, count)
    progress("telling the catalogues by bare calls, by ours, and by bare calls again")
    batch = runtime.settings.outputs.batch
    before, after = ours.files[: count // 2], ours.files[count // 2 :]
    bare = _bare(clients, _renamed(before), f"{ours.word}-before", batch)
    seconds, registered = _register(runtime)
    bare += _bare(clients, _renamed(after), f"{ours.word}-after", batch)
    return Report("outbox", _figures(registered, seconds, bare), _remarks(count, batch))


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
        f"Both tell {batch} files at once; bare calls only add replicas, attach them to two datasets, declare the"
        " files with their metadata and parents, and put them into the second dataset, in two threads, one for each"
        " catalogue.",
        "PostgreSQL (committing to disk), Rucio and MetaCat are real, and share two cores with everything else.",
    ]


def _register(runtime: Runtime) -> tuple[float, int]:
    registered = 0
    began = time.monotonic()
    while report := outputs.register_outputs(runtime):
        registered += report.outputs
        if report.problem:
            raise RuntimeError(report.problem)
    return time.monotonic() - began, registered


def _renamed(files: Sequence[NewFile]) -> list[NewFile]:
    return [replace(file, did=f"{file.did}.bare") for file in files]


def _bare(clients: Clients, files: Sequence[NewFile], plain: str, batch: int) -> float:
    """Return the seconds that the fewest calls take."""
    names = [f"{plain}-{RSE}", plain]
    for name in names:
        clients.rucio.add_dataset(SCOPE, name)
        clients.metacat.create_dataset(f"{SCOPE}:{name}")
    clients.rucio.add_replication_rule(
        [{"scope": SCOPE, "name": names[0]}], 1, RSE, lifetime=LIFETIME_SECONDS, account=ACCOUNT
    )
    began = time.monotonic()
    with ThreadPoolExecutor(2) as threads:
        told = [threads.submit(tell, clients, files, names, batch) for tell in (_tell_rucio, _tell_metacat)]
    for each in told:
        each.result()
    return time.monotonic() - began


def _tell_rucio(clients: Clients, files: Sequence[NewFile], names: Sequence[str], batch: int) -> None:
    for chunk in chunks(files, batch):
        dids = [dict(zip(("scope", "name"), file.did.split(":"), strict=True)) for file in chunk]
        replicas = [
            {**did, "bytes": file.size_bytes, "adler32": file.adler32} for did, file in zip(dids, chunk, strict=True)
        ]
        clients.rucio.add_replicas(RSE, replicas)
        clients.rucio.attach_dids_to_dids([{"scope": SCOPE, "name": name, "dids": dids} for name in names])


def _tell_metacat(clients: Clients, files: Sequence[NewFile], names: Sequence[str], batch: int) -> None:
    in_storage, destination = (f"{SCOPE}:{name}" for name in names)
    for chunk in chunks(files, batch):
        dids = [dict(zip(("namespace", "name"), file.did.split(":"), strict=True)) for file in chunk]
        clients.metacat.declare_files(
            in_storage, [_declaration(did, file) for did, file in zip(dids, chunk, strict=True)]
        )
        clients.metacat.add_files(destination, file_list=dids)


def _declaration(did: dict[str, str], file: NewFile) -> dict[str, Any]:
    parents = [{"did": parent} for parent in file.parents]
    about = {"size": file.size_bytes, "checksums": {"adler32": file.adler32}, "parents": parents}
    return {**did, **about, "metadata": dict(file.metadata)}


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
        metacat=MetaCat(
            url=grid.metacat_url, username=ACCOUNT, password_file=grid.secret_file(f"metacat-{ACCOUNT}")
        ),
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

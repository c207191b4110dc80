"""How fast found files and their places get into the database, beside a bare COPY of the same rows."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final, LiteralString

import psycopg

from benchmarks.report import Figure, Report, progress
from engine.finder import FILES_PER_ANSWER, FILES_PER_TRANSACTION
from justin.states import WorkflowState
from localgrid import postgres
from models import database, finding, seed
from models.database import Session
from models.finding import LocatedReplica
from models.statements import raw_connection
from models.workflows import Stage, Workflow

FILES, QUICK_FILES = 1_000_000, 100_000
STAGES: Final = 4
PROCESSES: Final = 2
"""As many as the machine has cores: the agents look for the files of several stages at once."""
START_SECONDS: Final = 60.0
STORAGES: Final = 60
COPIES: Final = 2
LIMIT_SECONDS: Final = 60.0
SCOPE: Final = "usertests"

BARE_TABLES: Final = """
    CREATE TABLE bare_files (file_id bigint, stage_id int, did text, state text);
    CREATE TABLE bare_replicas (file_id bigint, storage_id int, wan_pfn text, lan_pfn text);
    CREATE TABLE bare_events (event_type text, actor text, stage_id int, file_id bigint)
"""

COUNTED: Final[dict[str, LiteralString]] = {
    "files": "SELECT count(*) FROM files WHERE state = 'unallocated'",
    "replicas": "SELECT count(*) FROM replicas",
    "events": "SELECT count(*) FROM events",
}

Span = tuple[int, int]
"""The numbers of the first file and of the one after the last."""


@dataclass(frozen=True, slots=True)
class Share:
    """The files of one stage, for one process."""

    url: str
    stage_id: int
    files: Span


def measure(*, quick: bool) -> Report:
    """Find and locate files of several stages at once."""
    return measure_files(QUICK_FILES if quick else FILES)


def measure_files(files: int) -> Report:
    """Measure with so many files."""
    with (
        tempfile.TemporaryDirectory(prefix="justin-benchmark-") as directory,
        postgres.running(Path(directory) / "postgres") as server,
    ):
        url = server.create_database("finder")
        shares = _prepare(url, files)
        progress(f"adding {files:,} files and locating them at {COPIES * files:,} places")
        added, located = (_in_parallel(step, shares) for step in (_add, _locate))
        progress("copying the same rows into bare tables")
        bare = _in_parallel(_copy, shares)
        return Report("finder", [*_figures(files, added, located, bare), *_counts(url)], _remarks(files))


def _figures(files: int, added: float, located: float, bare: float) -> list[Figure]:
    seconds = added + located
    limit = f"limit {LIMIT_SECONDS:.0f} s for 1,000,000 files" if files == FILES else ""
    return [
        Figure("files_per_s", files / seconds, f"bare COPY of the same rows: {files / bare:,.0f}"),
        Figure("seconds", seconds, limit),
        Figure("adding_s", added),
        Figure("locating_s", located),
        Figure("bare_copy_files_per_s", files / bare),
    ]


def _counts(url: str) -> list[Figure]:
    """Count what is in the database afterwards."""
    with psycopg.connect(url) as connection:
        return [Figure(name, connection.execute(query).fetchall()[0][0]) for name, query in COUNTED.items()]


def _remarks(files: int) -> list[str]:
    smaller = "" if files == FILES else f"A smaller problem: {files:,} files instead of {FILES:,}.\n"
    setting = f"{STAGES} stages, {PROCESSES} processes; per file {COPIES} replicas and 2 events; commits to disk."
    return [f"{smaller}{setting}", "The bare COPY writes the same rows into tables without keys or indexes."]


def _prepare(url: str, files: int) -> list[Share]:
    opened = database.connect(url)
    database.upgrade(opened)
    with database.session(opened) as session:
        site_id = seed.ensure_site(session, "UK_Manchester")
        for number in range(STORAGES):
            seed.ensure_distance(session, site_id, seed.ensure_storage(session, _rse(number)), number)
        quota_id = seed.ensure_quota(session, SCOPE)
        seed.ensure_scope(session, SCOPE, quota_id)
        user_id = seed.ensure_user(session, "benchmark")
        stages = [_stage(session, user_id) for _ in range(STAGES)]
        raw_connection(session).execute(BARE_TABLES)
    opened.close()
    bounds = [files * number // STAGES for number in range(STAGES + 1)]
    return [Share(url, stage, (bounds[number], bounds[number + 1])) for number, stage in enumerate(stages)]


def _stage(session: Session, user_id: int) -> int:
    workflow = Workflow(user_id=user_id, scope=SCOPE, mql="files from usertests:all", state=WorkflowState.RUNNING)
    session.add(workflow)
    session.flush()
    assert workflow.workflow_id is not None  # noqa: S101  it was flushed
    stage = Stage(
        workflow_id=workflow.workflow_id,
        stage_number=1,
        jobscript="#!/bin/sh",
        jobscript_sha256="0" * 64,
        rss_bytes=1 << 31,
        wall_seconds=3600,
    )
    session.add(stage)
    session.flush()
    assert stage.stage_id is not None  # noqa: S101  it was flushed
    return stage.stage_id


def _in_parallel(step: Callable[[Share], None], shares: Sequence[Share]) -> float:
    """Run a step for all shares and return the seconds that it took; the processes are up before the clock starts."""
    context = get_context("spawn")
    everyone = context.Barrier(PROCESSES + 1)
    with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=_meet, initargs=(everyone,)) as pool:
        starts = [pool.submit(_did, number) for number in range(PROCESSES)]
        _meet(everyone)
        wait(starts)
        began = time.monotonic()
        list(pool.map(step, shares))
        return time.monotonic() - began


def _meet(everyone: Barrier) -> None:
    everyone.wait(START_SECONDS)


def _add(share: Share) -> None:
    """Write what a query found, as `engine.finder` does."""
    opened = database.connect(share.url)
    first, end = share.files
    for start in range(first, end, FILES_PER_TRANSACTION):
        numbers = range(start, min(start + FILES_PER_TRANSACTION, end))
        with database.session(opened) as session:
            finding.add_files(session, share.stage_id, ((_did(number), 1_000_000) for number in numbers))
    with database.session(opened) as session:
        finding.refresh_statistics(session)
    opened.close()


def _locate(share: Share) -> None:
    """Write where the files lie, as `engine.finder` does."""
    opened = database.connect(share.url)
    after = 0
    while True:
        with database.session(opened) as session:
            batch = finding.files_to_locate(session, share.stage_id, after, FILES_PER_ANSWER)
        if not batch:
            break
        copies = [copy for file in batch for copy in _copies(file.file_id, file.did)]
        with database.session(opened) as session:
            finding.put_replicas(session, share.stage_id, [file.file_id for file in batch], copies)
        after = batch[-1].file_id
    with database.session(opened) as session:
        finding.refresh_statistics(session)
    opened.close()


def _copy(share: Share) -> None:
    """Write the same rows with nothing but COPY."""
    opened = database.connect(share.url)
    numbers = range(*share.files)
    copies = (copy for number in numbers for copy in _copies(number, _did(number)))
    events = ((event_type, number) for number in numbers for event_type in ("file_added", "file_located"))
    with database.session(opened) as session:
        _send(session, "bare_files", ((number, share.stage_id, _did(number), "unallocated") for number in numbers))
        _send(session, "bare_replicas", ((copy.file_id, 1, copy.wan_pfn, copy.lan_pfn) for copy in copies))
        _send(session, "bare_events", ((kind, "finder", share.stage_id, number) for kind, number in events))
    opened.close()


def _send(session: Session, table: LiteralString, rows: Iterator[tuple[object, ...]]) -> None:
    with raw_connection(session).cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _did(number: int) -> str:
    return f"{SCOPE}:np04hd_raw_run{number // 1000:06}_{number % 1000:04}_dataflow0_datawriter_0.hdf5"


def _copies(file_id: int, did: str) -> list[LocatedReplica]:
    first = file_id * 2_654_435_761 % STORAGES  # all over the place, but the same each time
    rses = [_rse((first + 7 * copy) % STORAGES) for copy in range(COPIES)]
    return [LocatedReplica(file_id, rse, f"root://{rse.lower()}.example.org//dune/{did}") for rse in rses]


def _rse(number: int) -> str:
    return f"STORAGE_{number:02}"

"""How fast events are written in bulk, and how fast a page of them is found by each filter, in a large table."""

import statistics
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.report import Figure, Report, progress
from justin.states import EventType
from localgrid import postgres
from models import database, seed
from models.database import Database, Session
from models.queries import events
from models.queries.events import EventFilter
from models.statements import raw_connection
from models.workflows import Stage, Workflow

EVENTS, QUICK_EVENTS = 5_000_000, 300_000
PER_TRANSACTION: Final = 10_000
DAYS: Final = 100
"""Over which they are spread: four partitions."""
WORKFLOWS: Final = 500
SITES: Final = 40
SCOPE: Final = "usertests"
PAGE: Final = 100
ROUNDS: Final = 9
PAGE_LIMIT_MS: Final = 50
WRITE_LIMIT_PER_S: Final = 20_000

# One workflow has half of all. What is rare happened at the beginning, where a walk from the newest comes last.
_WRITE: Final = b"""
    INSERT INTO events (time, event_type, actor, source, workflow_id, stage_id, file_id, job_id, site_id, entry_name,
                        storage_id, details)
    SELECT %(start)s::timestamptz + n * %(step)s::interval,
           CASE WHEN n %% 50000 = 7 AND n < 500000 THEN 'node_avoided' WHEN n %% 10000 = 3 THEN 'workflow_paused'
                ELSE (ARRAY['file_allocated', 'file_processed', 'job_started', 'job_finished'])[1 + n %% 4] END,
           CASE WHEN n %% 10000 = 3 THEN 'user' || n %% 7 ELSE 'allocator' END,
           CASE WHEN n %% 10000 = 3 THEN 'command' END,
           workflow.id, workflow.id, 1 + n / 8, 1 + n / 10,
           CASE WHEN n < 200 THEN 2 ELSE 3 + n %% %(sites)s END,
           'ENTRY_' || CASE WHEN n < 200 THEN 0 ELSE 1 + n %% 200 END,
           CASE WHEN n < 200 THEN 2 ELSE 3 + n / 7 %% %(sites)s END,
           CASE WHEN n %% 10000 = 3 THEN '{"from": "running", "to": "paused", "message": "looks bad"}'::jsonb END
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
    CROSS JOIN LATERAL (SELECT CASE WHEN n %% 2 = 0 THEN 1 ELSE 2 + n / 1000 %% %(workflows)s END AS id) AS workflow
"""
_ADD_FILES: Final = b"""
    INSERT INTO files (workflow_id, stage_id, did, state, allocations)
    SELECT 1, 1, 'usertests:file-' || n, 'unallocated', 0 FROM generate_series(1, 1000) AS n
"""
_ADD_JOBS: Final = b"""
    INSERT INTO jobs (jobsub_id, state, state_message, secret, jobscript_secret, entry_name, hostname, site_job_id,
                      cpuinfo, os_release, wrapper_version, requested_processors, requested_rss_bytes,
                      requested_wall_seconds, requested_gpus, in_pool, asked_for_files)
    SELECT n || '.0@schedd', 'finished', '', '', '', '', '', '', '', '', '', 1, 1, 1, 0, false, false
    FROM generate_series(1, 1000) AS n
"""


def measure(*, quick: bool) -> Report:
    """Write events, then look for pages of them."""
    return measure_events(QUICK_EVENTS if quick else EVENTS)


def measure_events(count: int) -> Report:
    """Measure with so many events."""
    with (
        tempfile.TemporaryDirectory(prefix="justin-benchmark-") as directory,
        postgres.running(Path(directory) / "postgres") as server,
    ):
        opened = database.connect(server.create_database("events"))
        try:
            database.upgrade(opened)
            _prepare(opened)
            progress(f"writing {count:,} events")
            start = datetime.now(UTC)
            per_s = _write(opened, count, start)
            progress("looking for pages")
            pages = _pages(opened, start)
        finally:
            opened.close()
    return Report("events", _figures(per_s, pages, count), _remarks(count))


def _figures(per_s: float, pages: Mapping[str, float], count: int) -> list[Figure]:
    worst = max(pages, key=lambda name: pages[name])
    return [
        Figure("page_ms", pages[worst], f"the slowest filter, {worst}; limit {PAGE_LIMIT_MS} ms"),
        Figure("write_per_s", per_s, f"limit {WRITE_LIMIT_PER_S:,}/s"),
        *(Figure(f"page_ms_{name}", milliseconds) for name, milliseconds in pages.items()),
        Figure("events", count),
    ]


def _remarks(count: int) -> list[str]:
    smaller = "" if count == EVENTS else f"A smaller problem: {count:,} events instead of {EVENTS:,}.\n"
    return [
        f"{smaller}One writer, {PER_TRANSACTION:,} events per transaction, ten indexes, four partitions; to disk.",
        f"Pages of {PAGE} with names and details, the median of {ROUNDS}; what is rare happened at the very beginning.",
    ]


def _prepare(opened: Database) -> None:
    with database.session(opened) as session:
        for number in range(SITES + 2):
            seed.ensure_site(session, f"SITE_{number}")
            seed.ensure_storage(session, f"STORAGE_{number}")
        seed.ensure_scope(session, SCOPE, seed.ensure_quota(session, SCOPE))
        user_id = seed.ensure_user(session, "benchmark")
        for _ in range(WORKFLOWS + 2):
            _stage(session, user_id)
        for statement in (_ADD_FILES, _ADD_JOBS):
            raw_connection(session).execute(statement)


def _stage(session: Session, user_id: int) -> None:
    workflow = Workflow(user_id=user_id, scope=SCOPE, mql="files from usertests:all")
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


def _write(opened: Database, count: int, start: datetime) -> float:
    step = timedelta(days=DAYS) / count
    parameters = {"start": start, "step": step, "sites": SITES, "workflows": WORKFLOWS}
    began = time.monotonic()
    for first in range(0, count, PER_TRANSACTION):
        last = min(first + PER_TRANSACTION, count) - 1
        with database.session(opened) as session:
            raw_connection(session).execute(_WRITE, {**parameters, "first": first, "last": last}, prepare=True)
    return count / (time.monotonic() - began)


def _pages(opened: Database, start: datetime) -> dict[str, float]:
    with opened.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE events")
    middle = start + timedelta(days=DAYS / 2)
    filters = {
        "none": EventFilter(),
        "workflow": EventFilter(workflow_id=1),
        "workflow_small": EventFilter(workflow_id=77),
        "workflow_and_type": EventFilter(workflow_id=1, event_type=EventType.JOB_STARTED),
        "stage": EventFilter(workflow_id=77, stage_id=1),
        "job": EventFilter(job="500.0@schedd"),
        "did": EventFilter(workflow_id=1, did="usertests:file-500"),
        "type": EventFilter(event_type=EventType.FILE_ALLOCATED),
        "type_rare": EventFilter(event_type=EventType.NODE_AVOIDED),
        "type_none": EventFilter(event_type=EventType.WORKFLOW_FAILED),
        "site": EventFilter(site="SITE_9"),
        "site_rare": EventFilter(site="SITE_0"),
        "entry": EventFilter(entry="ENTRY_9"),
        "entry_rare": EventFilter(entry="ENTRY_0"),
        "rse": EventFilter(rse="STORAGE_9"),
        "rse_rare": EventFilter(rse="STORAGE_0"),
        "user": EventFilter(user="user3"),
        "time": EventFilter(since=middle, until=middle + timedelta(days=1)),
        "time_and_site": EventFilter(since=middle, until=middle + timedelta(days=30), site="SITE_9"),
        "site_and_type": EventFilter(site="SITE_9", event_type=EventType.JOB_FINISHED),
    }
    return {name: _milliseconds(opened, wanted) for name, wanted in filters.items()}


def _milliseconds(opened: Database, wanted: EventFilter) -> float:
    """Take the time for the newest page and for the one after it, by turns."""
    seconds: list[float] = []
    after: int | None = None
    for _ in range(ROUNDS):
        with database.session(opened) as session:
            began = time.monotonic()
            found = events.list_events(session, wanted, PAGE, after)
            seconds.append(time.monotonic() - began)
        after = found[-1].event_id if found and after is None else None
    return statistics.median(seconds) * 1000

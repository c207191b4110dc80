"""Claims in the database: files a second for so many jobs at once, beside pgbench with the least statement."""

import os
import re
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict

from benchmarks.claim_world import FILES_PER_JOB
from models import database
from models.claims import Claims
from models.matching import ClaimOutcome

PROCESSES: Final = 2
"""Of the load, at most; Python runs one thread of a process at a time."""
PGBENCH_THREADS: Final = 2
PGBENCH_PER_SECOND: Final = 4_000
"""About; it is given a number of statements, for with a time it would count the making of its connections too."""
LONGEST_SECONDS: Final = 300

# One statement and one round trip, on the same tables with the same indexes: a file of some stage, and its event.
_LEAST: Final = r"""
\set stage random(1, {stages})
\set job random(1, 1000000)
WITH taken AS (
    UPDATE files SET state = 'allocated', job_id = :job, allocations = allocations + 1
    WHERE file_id = (SELECT file_id FROM files WHERE stage_id = :stage AND state = 'unallocated'
                     LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING file_id, stage_id, workflow_id
)
INSERT INTO events (event_type, actor, workflow_id, stage_id, file_id, job_id)
SELECT 'file_allocated', 'pgbench', workflow_id, stage_id, file_id, :job FROM taken RETURNING file_id;
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What one process of the load does: so many jobs at once, one after the other, for so long."""

    url: str
    jobs: Sequence[int]
    at_once: int
    seconds: float


@dataclass(slots=True)
class Claimed:
    """What a load came to."""

    per_second: float = 0.0
    none: int = 0
    refused: int = 0
    seconds: list[float] = field(default_factory=list)
    """Of each claim."""


def drive(url: str, jobs: Sequence[int], at_once: int, seconds: float) -> Claimed:
    """Let jobs claim their files one by one, so many jobs at once, each job until it has all it may have."""
    processes = min(PROCESSES, at_once)
    loads = [Load(url, jobs[n::processes], at_once // processes, seconds) for n in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        # The programs of the pool are up before the clock starts.
        list(pool.map(abs, range(processes * 4)))
        parts = list(pool.map(_drive_share, loads))
    return Claimed(
        per_second=sum(part.per_second for part in parts),
        none=sum(part.none for part in parts),
        refused=sum(part.refused for part in parts),
        seconds=[one for part in parts for one in part.seconds],
    )


def cost(urls: Sequence[str], jobs: Sequence[int], count: int) -> list[float]:
    """Return the median seconds of a claim in each database, measured by turns so that all see the same machine."""
    opened = [database.connect(url, steady_plans=True) for url in urls]
    sides = [(Claims(one), _turns(jobs), list[float]()) for one in opened]
    for _ in range(count):
        for claimer, turns, seconds in sides:
            started = time.perf_counter()
            claimer.claim_files(next(turns))
            seconds.append(time.perf_counter() - started)
    for one in opened:
        one.close()
    return [statistics.median(seconds[count // 10 :]) for _, _, seconds in sides]


def pgbench(programs: Path, url: str, at_once: int, seconds: float, stages: int) -> float:
    """Return how many of the least statements pgbench does in a second; each takes one file."""
    where = conninfo_to_dict(url)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(_LEAST.format(stages=stages))
        script.flush()
        done = subprocess.run(
            [
                str(programs / "pgbench"),
                *("-h", str(where["host"]), "-p", str(where["port"]), "-U", str(where["user"])),
                *("-n", "-M", "prepared", "-f", script.name, "-t", str(round(PGBENCH_PER_SECOND * seconds / at_once))),
                *("-c", str(at_once), "-j", str(min(PGBENCH_THREADS, at_once))),
                str(where["dbname"]),
            ],
            env=os.environ | {"PGPASSWORD": str(where.get("password", ""))},
            capture_output=True,
            text=True,
            check=True,
            timeout=LONGEST_SECONDS,
        )
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if not found:
        raise RuntimeError(f"pgbench gave no figure:\n{done.stdout}{done.stderr}")
    return float(found[1])


def _drive_share(load: Load) -> Claimed:
    opened = database.connect(load.url, pool_size=load.at_once, steady_plans=True)
    share = _Share(Claims(opened), _turns(load.jobs), threading.Barrier(load.at_once + 1), load.seconds)
    threads = [threading.Thread(target=_work, args=(share,)) for _ in range(load.at_once)]
    for thread in threads:
        thread.start()
    share.warm.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    share.claimed.per_second = len(share.claimed.seconds) / (time.perf_counter() - started)
    opened.close()
    return share.claimed


@dataclass(frozen=True, slots=True)
class _Share:
    """What the threads of one process have together."""

    claims: Claims
    turns: Iterator[int]
    warm: threading.Barrier
    length: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    claimed: Claimed = field(default_factory=Claimed)

    def next_job(self) -> int:
        with self.lock:
            return next(self.turns)


def _work(share: _Share) -> None:
    """Be one job after the other until the time is up; the first job is there to warm up."""
    _claim_all(share, Claimed(), until=time.perf_counter() + share.length)
    share.warm.wait()
    claimed = Claimed()
    until = time.perf_counter() + share.length
    while time.perf_counter() < until:
        _claim_all(share, claimed, until)
    with share.lock:
        share.claimed.seconds += claimed.seconds
        share.claimed.none += claimed.none
        share.claimed.refused += claimed.refused


def _claim_all(share: _Share, claimed: Claimed, until: float) -> None:
    """Claim all files that one job may have, one by one."""
    job_id = share.next_job()
    for _ in range(FILES_PER_JOB):
        started = time.perf_counter()
        outcome = share.claims.claim_files(job_id).outcome
        if outcome == ClaimOutcome.GIVEN:
            claimed.seconds.append(time.perf_counter() - started)
        claimed.none += outcome == ClaimOutcome.NONE_LEFT
        claimed.refused += outcome not in {ClaimOutcome.GIVEN, ClaimOutcome.NONE_LEFT}
        if time.perf_counter() >= until:
            return


def _turns(jobs: Sequence[int]) -> Iterator[int]:
    """Yield the jobs, each once."""
    yield from jobs
    yield from repeat(-1)

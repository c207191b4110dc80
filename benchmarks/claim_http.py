"""The allocator over HTTP, checks and signatures included: calls a second, and whether anyone hears a false none."""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import load
from benchmarks.load import Call, Tally, Ticket
from localgrid.ports import free_port

WORKERS = 2
START_SECONDS = 60
STOP_SECONDS = 20
GIB = 1 << 30

_FOUND, _NONE = 200, 404


@dataclass(frozen=True, slots=True)
class SubmittedJob:
    """A job that is in the pool and will start at a site."""

    jobsub_id: str
    secret: str
    jobscript_secret: str
    site: str


@dataclass(frozen=True, slots=True)
class HttpFigures:
    """What was measured."""

    get_jobscript_per_s: float
    get_file_per_s: float
    false_none: int
    """How often a job was refused work or a file while there was some."""
    other_replies: int


def measure(database_url: str, jobs: Sequence[SubmittedJob], at_once: int, files_per_job: int) -> HttpFigures:
    """Start all jobs and let `at_once` of them ask for files, as many at once; there must be work and files for all.

    The first starts are not measured: in them the allocator makes its connections, and PostgreSQL its plans.
    """
    with serving(database_url) as port:
        call = Call(port, "/api/allocator/get_jobscript")
        first = load.drive(call, _spread(jobs[:at_once], at_once))
        starts = load.drive(call, _spread(jobs[at_once:], at_once))
        asking = [[Ticket(job.jobsub_id, job.jobscript_secret)] * files_per_job for job in jobs[:at_once]]
        files = load.drive(Call(port, "/api/allocator/get_file"), asking)
    tallies = (first, starts, files)
    false_none = sum(tally.replies[_NONE] for tally in tallies)
    return HttpFigures(starts.per_second, files.per_second, false_none, sum(_others(tally) for tally in tallies))


def _spread(jobs: Sequence[SubmittedJob], at_once: int) -> list[list[Ticket]]:
    tickets = [Ticket(job.jobsub_id, job.secret, _slot(job.site)) for job in jobs]
    return [tickets[number::at_once] for number in range(at_once)]


def _slot(site: str) -> bytes:
    slot = {
        "site_name": site,
        "entry_name": "entry",
        "hostname": "node",
        "processors": 8,
        "rss_bytes": 64 * GIB,
        "wall_seconds": 604_800,
        "has_inner_apptainer": True,
    }
    return json.dumps(slot).encode()


def _others(tally: Tally) -> int:
    return tally.replies.total() - tally.replies[_FOUND] - tally.replies[_NONE]


@contextlib.contextmanager
def serving(database_url: str) -> Iterator[int]:
    """Run the allocator as it is run in earnest, and yield its port."""
    port = free_port()
    command = [sys.executable, "-m", "services.allocator", "--port", str(port), "--workers", str(WORKERS)]
    environment = os.environ | {"JUSTIN_DATABASE__URL": database_url}
    with subprocess.Popen(command, env=environment) as process:
        try:
            _wait(process, port)
            yield port
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5),
        ):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the allocator was not up after {START_SECONDS} s")

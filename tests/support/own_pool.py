"""A process pool of a test's own, served by the test itself: nothing happens in it but when it is told to go on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.adapters.processes import ProcessPool
from engine.pool_ports import JobOrder, JobTicket, PoolJob, PoolState
from localgrid.pool import layout
from localgrid.pool.layout import Settings
from localgrid.pool.server import Server, end_jobs
from tests.support.makers import SITE
from tests.support.waiting import wait_until

PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"


@dataclass(frozen=True)
class OwnPool:
    """The pool, its server, and the engine's way to it."""

    directory: Path
    server: Server
    adapter: ProcessPool

    def submit(self, program: str, **values: Any) -> str:
        """Submit a job that runs a Python program, and let it start if it can."""
        (jobsub_id,) = self.adapter.submit(make_order(self.directory.parent, program, **values))
        self.server.cycle()
        return jobsub_id

    def job(self, jobsub_id: str) -> PoolJob:
        """Return what the pool knows of a job."""
        return self.adapter.jobs([jobsub_id])[jobsub_id]

    def wait_for(self, jobsub_id: str, state: PoolState) -> None:
        """Let the pool go on until the job is in that state."""

        def reached() -> bool:
            self.server.cycle()
            return self.job(jobsub_id).state is state

        wait_until(reached)


@contextmanager
def own_pool(directory: Path) -> Iterator[OwnPool]:
    """Make a pool with one site of two slots; its jobs end with the context."""
    settings = Settings(slots={SITE: 2}, entries={SITE: "LOCAL"}, path=PATH, stop_seconds=1)
    layout.create(directory, settings)
    try:
        yield OwnPool(directory, Server(directory, settings), ProcessPool(directory))
    finally:
        end_jobs(directory)


def make_order(place: Path, program: str, jobs: int = 1, **values: Any) -> JobOrder:
    """Make an order of jobs that run a Python program instead of the wrapper; it is kept in `place`."""
    wrapper = place / "wrapper.py"
    wrapper.write_text(program)
    row: dict[str, Any] = {
        "tickets": tuple(JobTicket(secret=f"secret {number}") for number in range(jobs)),
        "configuration": {"allocator_url": "http://127.0.0.1:1/"},
        "processors": 2,
        "rss_bytes": 3000 << 20,
        "wall_seconds": 600,
        "gpus": 0,
        "sites": (SITE,),
        "hint": "w1s1",
        "classads": {"Project": 'the "best"'},
    } | values
    return JobOrder(wrapper=wrapper, **row)

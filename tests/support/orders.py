"""Orders of jobs for tests of pools."""

from pathlib import Path
from typing import Any

from engine.pool_ports import JobOrder, JobTicket


def make_order(wrapper: Path, jobs: int = 1, **values: Any) -> JobOrder:
    """Make an order of small jobs that may run anywhere."""
    row: dict[str, Any] = {
        "tickets": tuple(JobTicket(secret=f"{number:064x}") for number in range(jobs)),
        "configuration": {"allocator_url": "http://127.0.0.1:1/"},
        "processors": 1,
        "rss_bytes": 500 << 20,
        "wall_seconds": 600,
    } | values
    return JobOrder(wrapper=wrapper, **row)

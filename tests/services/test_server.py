"""The services as programs: all their processes write one kind of log."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from localgrid.ports import free_port
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


def is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("workers", [1, 2])
def test_every_worker_writes_the_log_of_the_service(database_url: str, tmp_path: Path, workers: int) -> None:
    port, log = free_port(), tmp_path / "log"
    environment = os.environ | {"JUSTIN_DATABASE__URL": database_url}
    command = [sys.executable, "-m", "services.api", "--port", str(port), "--workers", str(workers)]
    with log.open("w") as written, subprocess.Popen(command, cwd=ROOT, env=environment, stderr=written) as service:
        try:
            wait_until(lambda: is_up(port))
            wait_until(lambda: log.read_text().count("Application startup complete") == workers)
        finally:
            service.terminate()
            service.wait(30)
    lines = log.read_text().splitlines()
    assert [line for line in lines if not re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ \S+: ", line)] == []
    assert not [line for line in lines if "alembic" in line]

"""Waiting for what another process does in its own time."""

import time
from collections.abc import Callable

PAUSE_SECONDS = 0.02


def wait_until(done: Callable[[], object], seconds: float = 60) -> None:
    """Ask again and again until it is so; fail at the time limit."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"it is not so after {seconds} s"
        time.sleep(PAUSE_SECONDS)

"""Waiting for what another process does in its own time."""

import time
from collections.abc import Callable

SECONDS = 60.0
PAUSE_SECONDS = 0.01


def comes_true(true: Callable[[], object], seconds: float = SECONDS, pause_seconds: float = PAUSE_SECONDS) -> bool:
    """Look again and again until something is so; say whether it came to that."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause_seconds)
    return True


def wait_until(true: Callable[[], object], seconds: float = SECONDS, pause_seconds: float = PAUSE_SECONDS) -> None:
    """Look again and again until something is so, which it must come to be."""
    assert comes_true(true, seconds, pause_seconds), "it never came to that"

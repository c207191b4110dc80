"""The wrapper's own log: lines on standard output with their time in UTC."""

import os
import sys
import time
from collections import deque
from typing import Deque, List, Tuple

MOST_LINES = 20_000

_started = time.monotonic()
_steps: List[Tuple[str, float]] = []
_said: Deque[str] = deque(maxlen=MOST_LINES)


def say(message: str) -> None:
    """Print a message at once; further lines of it are indented, so that none can pass for a line of its own."""
    line = "{} {}\n".format(now(), message.rstrip().replace("\n", "\n    "))
    _said.append(line)
    # Bytes, because Python 3.6 takes ASCII for the encoding of a node without a locale. Whoever started the wrapper
    # may have closed the other end, which is no reason to lose the job.
    try:
        os.write(sys.stdout.fileno(), line.encode("utf-8", "replace"))
    except OSError:
        return


def now() -> str:
    """Return the time as logs tell it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def text() -> str:
    """Return what was said so far; of very much, the last lines."""
    return "".join(tuple(_said))


def step(name: str) -> None:
    """Note that a step of the job ends now."""
    _steps.append((name, time.monotonic() - _started))


def summarise() -> None:
    """Print how long each step took, and all of them."""
    before = 0.0
    for name, end in _steps:
        say("timing: {:<22}{:10.3f} s".format(name, end - before))
        before = end
    say("timing: {:<22}{:10.3f} s".format("total", time.monotonic() - _started))

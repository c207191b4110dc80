"""The wrapper's own log: lines on standard output with their time in UTC."""

import os
import sys
import time
from typing import List, Tuple

_started = time.monotonic()
_steps: List[Tuple[str, float]] = []


def say(message: str) -> None:
    """Print a message at once; further lines of it are indented, so that none can pass for a line of its own."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    text = "{} {}\n".format(now, message.rstrip().replace("\n", "\n    "))
    # Bytes, because Python 3.6 takes ASCII for the encoding of a node without a locale. Whoever started the wrapper
    # may have closed the other end, which is no reason to lose the job.
    try:
        os.write(sys.stdout.fileno(), text.encode("utf-8", "replace"))
    except OSError:
        return


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

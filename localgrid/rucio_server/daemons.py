"""Rucio's daemons, pass after pass in one process: each alone would pay seconds of imports and its memory.

Usage: python daemons.py PULSE_FILE PAUSE_SECONDS, with RUCIO_HOME set. The pulse file says how many passes were made.
"""

import logging
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

WAIT_SECONDS = 0.5
PING_SECONDS = 10
FIRST_FAILURE_PAUSE_SECONDS = 1.0

# In the order in which work flows: rules are evaluated, files moved, expired things cleaned, usage counted, bytes
# deleted. The mover is ours; it lies beside this file.
DAEMONS: dict[str, dict[str, Any]] = {
    "rucio.daemons.judge.injector": {},
    "rucio.daemons.judge.evaluator": {},
    "mover": {},
    "rucio.daemons.judge.repairer": {},
    "rucio.daemons.undertaker.undertaker": {},
    "rucio.daemons.judge.cleaner": {},
    "rucio.daemons.abacus.account": {},
    "rucio.daemons.abacus.rse": {},
    "rucio.daemons.abacus.collection_replica": {},
    "rucio.daemons.reaper.reaper": {"greedy": True, "scheme": "file"},
}

stopping = Event()
log = logging.getLogger("localgrid.daemons")


def main(pulse: Path, pause_seconds: float) -> None:
    """Run passes until told to stop."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: stopping.set())
    modules = {name: import_module(name) for name in DAEMONS}
    server = str(import_module("rucio.common.config").config_get("client", "rucio_host"))
    wait_for(f"{server}/ping")
    passes = 0
    beat(pulse, passes)
    while not stopping.is_set():
        for name, options in DAEMONS.items():
            if not stopping.is_set():
                run_once(name, modules[name].run, options)
        passes += 1
        beat(pulse, passes)
        stopping.wait(pause_seconds)


def run_once(name: str, run: Callable[..., object], options: dict[str, Any]) -> None:
    """Let a daemon do what there is to do; what it fails at waits for the next pass."""
    # This is the edge of a task: whatever a daemon raises, the others have to go on.
    try:
        run(once=True, **options)
    except Exception:
        log.exception("%s failed", name)
        stopping.wait(FIRST_FAILURE_PAUSE_SECONDS)


def wait_for(address: str) -> None:
    """Wait until the server has made its tables and answers."""
    while not stopping.is_set():
        try:
            with urlopen(address, timeout=PING_SECONDS):  # noqa: S310 - our own address
                return
        except (URLError, OSError):
            stopping.wait(WAIT_SECONDS)


def beat(pulse: Path, passes: int) -> None:
    """Say how many passes were made."""
    new = pulse.with_suffix(".new")
    new.write_text(f"{passes} {time.time():.3f}\n")
    new.replace(pulse)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))

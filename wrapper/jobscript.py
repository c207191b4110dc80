"""Runs the jobscript, within its wall time and until somebody says stop."""

import os
import select
import signal
import subprocess
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from wrapper import processes
from wrapper.log import say

TAIL_CHARACTERS = 10_000
FAR_AWAY_SECONDS = 3600.0


class NotRunnableError(Exception):
    """The system cannot run the jobscript: its interpreter is not there."""


class Limits(NamedTuple):
    """How long a jobscript may run, and how long it may take to end when it is told to."""

    wall_seconds: float
    grace_seconds: float


class Outcome(NamedTuple):
    """How a jobscript ended; the exit is minus the signal's number where a signal ended it."""

    exit: int
    timed_out: bool
    stopped: bool
    start: datetime
    finish: datetime
    real_seconds: float
    cpu_seconds: float
    max_rss_bytes: int

    def by_clock(self, offset_seconds: float) -> "Outcome":
        """Return the same outcome with its times by a clock that differs from the node's."""
        offset = timedelta(seconds=offset_seconds)
        return self._replace(start=self.start + offset, finish=self.finish + offset)


class Alarm:
    """Wakes the main thread from waiting for the jobscript: a child ended, or another thread rang."""

    def __init__(self) -> None:
        """Have the system write into a pipe whenever a child ends."""
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._write)

    def ring(self) -> None:
        """Wake the waiting thread; a full pipe has woken it already."""
        try:
            os.write(self._write, b"!")
        except BlockingIOError:
            return

    def wait(self, seconds: float) -> None:
        """Wait until the alarm rings, a number of seconds at most."""
        if select.select([self._read], [], [], max(0.0, seconds))[0]:
            os.read(self._read, 65536)


class Log:
    """The jobscript's log, held open so that the jobscript can neither hide nor exchange it."""

    def __init__(self, path: Path) -> None:
        """Make the log."""
        self.descriptor = os.open(str(path), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)

    def tail(self) -> str:
        """Return the last 10,000 characters."""
        size = os.fstat(self.descriptor).st_size
        # A character takes 4 bytes at most.
        content = os.pread(self.descriptor, 4 * TAIL_CHARACTERS, max(0, size - 4 * TAIL_CHARACTERS))
        return content.decode("utf-8", "replace").replace("\0", "")[-TAIL_CHARACTERS:]


class Run:
    """One run of a jobscript."""

    def __init__(self, alarm: Alarm, limits: Limits) -> None:
        """Prepare a run."""
        self._alarm = alarm
        self._limits = limits
        self._stopped = False

    def stop(self) -> None:
        """End the run from another thread."""
        self._stopped = True
        self._alarm.ring()

    def run(self, argv: List[bytes], environment: Dict[bytes, bytes], directory: Path, log: Log) -> Outcome:
        """Run a command to its end; nothing of it is left when this returns, however it returns."""
        start, clock = datetime.now(timezone.utc), time.monotonic()
        try:
            child = _start(argv, environment, directory, log)
            status, usage, timed_out = self._watch(child, clock + self._limits.wall_seconds)
        finally:
            left = processes.sweep()
            if left:
                say("killed {} processes that the jobscript had left".format(left))
        return Outcome(
            exit=_exit(status),
            timed_out=timed_out,
            stopped=self._stopped,
            start=start,
            finish=datetime.now(timezone.utc),
            real_seconds=time.monotonic() - clock,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            max_rss_bytes=usage.ru_maxrss * 1024,
        )

    def _watch(self, child: "subprocess.Popen[bytes]", deadline: float) -> Tuple[int, Any, bool]:
        """Wait for the jobscript, and end it at its deadline or on demand: TERM first, KILL after the grace."""
        ended: Optional[Tuple[int, Any]] = None
        timed_out = False
        kill_at: Optional[float] = None
        while True:
            ended = _collect(child)
            if ended:
                return ended[0], ended[1], timed_out
            now = time.monotonic()
            if kill_at is None and (self._stopped or now >= deadline):
                timed_out = not self._stopped
                say("the jobscript {}".format("is out of wall time" if timed_out else "is told to stop"))
                processes.signal_descendants(signal.SIGTERM)
                kill_at = now + self._limits.grace_seconds
            elif kill_at is not None and now >= kill_at:
                os.killpg(child.pid, signal.SIGKILL)
                processes.signal_descendants(signal.SIGKILL)
            self._alarm.wait(_pause(now, deadline, kill_at))


def _pause(now: float, deadline: float, kill_at: Optional[float]) -> float:
    """Return how long nothing has to be done; what should be dead by now is looked at again soon."""
    if kill_at is None:
        return min(deadline - now, FAR_AWAY_SECONDS)
    return kill_at - now if kill_at > now else 0.1


def _start(argv: List[bytes], environment: Dict[bytes, bytes], directory: Path, log: Log) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log.descriptor,
            stderr=subprocess.STDOUT,
            cwd=str(directory),
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise NotRunnableError("the jobscript cannot be run: {}".format(error)) from error


def _collect(child: "subprocess.Popen[bytes]") -> Optional[Tuple[int, Any]]:
    """Reap every process that has ended, orphans of the jobscript too, and return the jobscript's end if it has."""
    while True:
        process, status, usage = os.wait4(-1, os.WNOHANG)
        if process == child.pid:
            child.returncode = _exit(status)
            return status, usage
        if process == 0:
            return None


def _exit(status: int) -> int:
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

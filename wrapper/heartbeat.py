"""Tells the allocator from a thread of its own that the job lives, and hears whether it should go on."""

import threading
from collections import deque
from typing import Callable, Deque

from wrapper.allocator import Allocator, AllocatorError, Patience, RefusedError
from wrapper.log import now, say

PATIENCE = Patience(tries=2)
MOST_RECORDS = 10_000


class StoppedError(Exception):
    """The job is not to go on; the message says who wants that."""


class Heartbeat:
    """The heartbeats of one job."""

    def __init__(self, allocator: Allocator, every_seconds: float, log_tail: Callable[[], str]) -> None:
        """Prepare heartbeats that carry the end of the jobscript's log."""
        self._allocator = allocator
        self._every_seconds = every_seconds
        self._log_tail = log_tail
        self._when_stopped: Callable[[], None] = lambda: None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self.stopped = threading.Event()
        """Set once the job is not to go on."""
        self._why: Exception = StoppedError()
        self._records: Deque[str] = deque(maxlen=MOST_RECORDS)

    def start(self) -> None:
        """Send the first heartbeat now."""
        self._thread.start()

    def finish(self) -> None:
        """Send no more heartbeats; one that is under way may still arrive."""
        self._over.set()

    def call_when_stopped(self, callback: Callable[[], None]) -> None:
        """Have the heartbeat's thread call back when the job is to stop, at once if it is already."""
        self._when_stopped = callback
        if self.stopped.is_set():
            callback()

    def record(self) -> str:
        """Return when there were heartbeats and how they were answered, one a line."""
        return "".join(tuple(self._records))

    def check(self) -> None:
        """Raise StoppedError when the job is not to go on, or the refusal that said that the server has ended it."""
        if self.stopped.is_set():
            raise self._why

    def _beat(self) -> None:
        while not self._over.is_set() and not self.stopped.is_set():
            try:
                reply = self._allocator.call("send_heartbeat", {"jobscript_log": self._log_tail()}, PATIENCE)
                self._note("stop" if reply.get("stop") else "go on")
                if reply.get("stop"):
                    self._stop(StoppedError("the allocator says stop: {}".format(reply.get("reason", ""))))
            except RefusedError as error:
                self._note(str(error))
                say("the heartbeat was refused: {}".format(error))
                if error.job_ended:
                    self._stop(error)
            except AllocatorError as error:
                self._note(str(error))
                say("the heartbeat failed: {}".format(error))
            self._over.wait(self._every_seconds)

    def _note(self, answer: str) -> None:
        self._records.append("{} {}\n".format(now(), answer))

    def _stop(self, why: Exception) -> None:
        if self._over.is_set():
            return
        say(str(why))
        self._why = why
        self.stopped.set()
        self._when_stopped()

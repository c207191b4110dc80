"""Two processes for one wrapper: either of them outlives the other long enough to clean up and to say so."""

import os
import signal
import sys
from types import FrameType
from typing import Callable, Optional

from wrapper import processes
from wrapper.log import say

PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def guard(work: Callable[[], int], mourn: Callable[[int], int]) -> int:
    """Run the work in a child and return its exit status.

    When the child is killed, by the node for its memory or by anybody else, everything it ran is killed too and
    `mourn` gets the signal's number. When this process is killed, the child is told to end (SIGTERM).
    """
    guardian = os.getpid()
    processes.adopt_orphans()
    processes.hide_memory()
    worker = os.fork()
    if worker == 0:
        processes.adopt_orphans()  # a child does not inherit that
        processes.end_with_parent(guardian)
        code = work()
        sys.stdout.flush()
        # Threads that wait for the network must not hold up the end.
        os._exit(code)
    status = _wait(worker)
    processes.sweep()
    if os.WIFEXITED(status):
        return os.WEXITSTATUS(status)
    say("the wrapper was killed by signal {}".format(os.WTERMSIG(status)))
    return mourn(os.WTERMSIG(status))


def _wait(worker: int) -> int:
    """Wait for the worker, passing on the signals that are meant for the job."""

    def pass_on(signal_number: int, _frame: Optional[FrameType]) -> None:
        os.kill(worker, signal_number)

    for signal_number in PASSED_ON:
        signal.signal(signal_number, pass_on)
    return os.waitpid(worker, 0)[1]

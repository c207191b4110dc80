"""The processes below the wrapper: none of them outlives the jobscript, whatever it did to be left alone."""

import ctypes
import os
import signal
import time
from typing import Dict, List, Set

from wrapper.log import say

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
SWEEP_SECONDS = 10.0


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none can hide behind a double fork."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def hide_memory() -> None:
    """Make this process's memory and environment unreadable to other processes of the same user."""
    _prctl(PR_SET_DUMPABLE, 0)


def end_with_parent(parent: int) -> None:
    """Have this process told to end (SIGTERM) when its parent is killed."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def descendants(ancestor: int) -> Set[int]:
    """List the living processes below one, without itself; zombies do not count."""
    children: Dict[int, List[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if name.isdigit():
            parent = _parent_of_living(int(name))
            children.setdefault(parent, []).append(int(name))
    found: Set[int] = set()
    queue = [ancestor]
    while queue:
        below = children.get(queue.pop(), [])
        found.update(below)
        queue.extend(below)
    return found


def signal_descendants(signal_number: int) -> int:
    """Send a signal to every process below this one, and return how many there were."""
    living = descendants(os.getpid())
    for process in living:
        _send(process, signal_number)
    return len(living)


def sweep() -> int:
    """Kill and reap everything below this process; return how many processes it took.

    It goes on until nothing is left, because what is killed may have been forking, and for 10 s at most, because a
    process that waits for a broken disk cannot be killed.
    """
    killed = 0
    deadline = time.monotonic() + SWEEP_SECONDS
    while True:
        living = signal_descendants(signal.SIGKILL)
        killed = max(killed, living)
        reap()
        if not living:
            return killed
        if time.monotonic() > deadline:
            say("{} processes of the jobscript cannot be killed".format(living))
            return killed
        time.sleep(0.005)


def reap() -> None:
    """Take the exit statuses of all children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _parent_of_living(process: int) -> int:
    """Return the parent of a process, or 0 when it is gone or a zombie without threads."""
    try:
        with open("/proc/{}/stat".format(process), "rb") as stat:
            # The name of the command stands in parentheses and may hold anything, parentheses too.
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in {b"Z", b"X"} else int(fields[1])


def _send(process: int, signal_number: int) -> None:
    try:
        os.kill(process, signal_number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        say("process {} cannot be signalled: {}".format(process, error))


def _prctl(option: int, value: int) -> None:
    """Set one attribute of this process; only Linux has them, and the job goes on without."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if library.prctl(option, value, 0, 0, 0) != 0:
            say("prctl {} failed: {}".format(option, os.strerror(ctypes.get_errno())))
    except (OSError, AttributeError) as error:
        say("prctl {} is not to be had: {}".format(option, error))

"""The name of a worker process, by which others on the same machine can tell whether it still lives."""

import os
import platform
from pathlib import Path

SEPARATOR = "."


def own_name() -> str:
    """Return HOST.PID.START for this process; START tells it from a later one with the same number."""
    return SEPARATOR.join((platform.node(), str(os.getpid()), _started(os.getpid())))


def has_died(name: str) -> bool:
    """Say whether a process of this machine has gone; False for those of other machines, of which we know nothing."""
    match name.rsplit(SEPARATOR, 2):
        case [host, pid, started] if host == platform.node() and pid.isdigit():
            return _started(int(pid)) != started
        case _:
            return False


def _started(pid: int) -> str:
    """Return when a process began, in ticks since boot; empty when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The command's name, in parentheses, may hold spaces.
    return stat.rpartition(")")[2].split()[19]

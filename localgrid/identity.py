"""Which process is meant: a pid together with its start time, so that a recycled pid is never taken for it."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """The words of /proc/PID/stat that tell processes apart."""

    state: str
    parent: int
    session: int
    start_ticks: int


@dataclass(frozen=True, slots=True)
class Identity:
    """One process of one boot of the machine."""

    pid: int
    start_ticks: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Return the identity of a running process, or None when there is none with that pid."""
        status = process_status(pid)
        return cls(pid, status.start_ticks, boot_id()) if status else None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `PID START_TICKS BOOT`, as the launching shells write it; None when it is incomplete."""
        match text.split():
            case [pid, start_ticks, boot, *_] if pid.isdigit() and start_ticks.isdigit():
                return cls(int(pid), int(start_ticks), boot)
        return None

    def alive(self) -> bool:
        """Say whether this very process still runs; one that only waits to be reaped does not."""
        return self.boot == boot_id() and self._status() is not None

    def age_seconds(self) -> float:
        """Return for how long the process has run."""
        uptime_seconds = float((PROC / "uptime").read_text().split()[0])
        return max(0.0, uptime_seconds - self.start_ticks / os.sysconf("SC_CLK_TCK"))

    def _status(self) -> ProcessStatus | None:
        status = process_status(self.pid)
        return status if status and status.start_ticks == self.start_ticks else None


def boot_id() -> str:
    """Return the identifier that the kernel gave to this boot."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def process_status(pid: int) -> ProcessStatus | None:
    """Read the status of a process; None when it is gone or only waits to be reaped."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The program's name stands in parentheses and may hold anything, so count from its end.
    words = text.rpartition(")")[2].split()
    status = ProcessStatus(state=words[0], parent=int(words[1]), session=int(words[3]), start_ticks=int(words[19]))
    return None if status.state in "ZX" else status


def running_pids() -> Iterator[int]:
    """List the pids of the machine's processes."""
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def session_members(session: int) -> list[Identity]:
    """List the processes of a session."""
    return _those(lambda status: status.session == session)


def children(parent: int) -> list[Identity]:
    """List the children of a process."""
    return _those(lambda status: status.parent == parent)


def _those(wanted: Callable[[ProcessStatus], bool]) -> list[Identity]:
    boot = boot_id()
    found = []
    for pid in running_pids():
        status = process_status(pid)
        if status and wanted(status):
            found.append(Identity(pid, status.start_ticks, boot))
    return found


def marked_processes(assignment: str, *, only_beginning: bool = False) -> list[Identity]:
    """List the processes that were started with NAME=VALUE, or with what begins like it, in their environment."""
    wanted = assignment.encode()
    found = []
    for pid in running_pids():
        identity = Identity.of(pid)
        try:
            variables = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        marked = any(word.startswith(wanted) for word in variables) if only_beginning else wanted in variables
        if identity and marked:
            found.append(identity)
    return found


def working_in(directory: Path, program: str) -> list[Identity]:
    """List the processes of a program whose working directory is this one."""
    found = []
    for pid in running_pids():
        try:
            entry = PROC / str(pid)
            here = (entry / "cwd").readlink() == directory and (entry / "exe").readlink().name == program
        except OSError:
            continue
        identity = Identity.of(pid) if here else None
        if identity:
            found.append(identity)
    return found


def send_signal(identity: Identity, signal_number: signal.Signals) -> None:
    """Send a signal to this very process, and to nothing else that may have its pid by now."""
    try:
        handle = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return
    try:
        if identity.alive():
            signal.pidfd_send_signal(handle, signal_number)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)

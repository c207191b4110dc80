"""Programs that a command runs to their end, of which the next command must not meet one that still runs."""

import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from localgrid.identity import marked_processes, send_signal, working_in
from localgrid.processes import KILL_SECONDS, MARK, kept_environment, mark, wait_until_gone


def run_alone(
    directory: Path,
    name: str,
    command: tuple[str, ...],
    timeout_seconds: float,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program of the grid in `directory` to its end, after the end of one that a killed command has left."""
    end_left(directory, name)
    return subprocess.run(
        command,
        check=False,
        cwd="/",
        env={**kept_environment(), **(environment or {}), MARK: mark(directory, name)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
    )


def end_left(directory: Path, name: str = "", working: tuple[Path, str] | None = None) -> None:
    """Kill what still runs of a program, or of everything that was ever started for the grid in `directory`.

    `working` is a directory and a program that works there without our mark.
    """
    left = marked_processes(f"{MARK}={mark(directory, name)}", only_beginning=not name)
    left += working_in(*working) if working else []
    for identity in left:
        send_signal(identity, signal.SIGKILL)
    wait_until_gone(left, KILL_SECONDS)

"""Cleaning up after ourselves even when we are killed: a process that waits for our end and then runs a command."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from localgrid.processes import kept_environment

ROOT = Path(__file__).resolve().parent.parent

# Reading fails when the only writer is gone without having said that all is well.
WAIT_FOR_END = 'read -r _ || exec "$@"'


@contextmanager
def cleaned_up(directory: Path, holding: Iterable[int] = ()) -> Iterator[None]:
    """See to it that everything in `directory` is stopped and deleted if this process dies before the context ends.

    `holding` are file descriptors to keep open until then: a lock on one of them keeps others away meanwhile.
    """
    reader, writer = os.pipe()
    clean = [sys.executable, "-m", "localgrid", "down", "--clean", "--directory", str(directory)]
    subprocess.run(
        ["setsid", "--fork", "/bin/sh", "-c", WAIT_FOR_END, "sh", *clean],
        check=True,
        cwd="/",
        env={**kept_environment(), "PYTHONPATH": str(ROOT)},
        stdin=reader,
        pass_fds=tuple(holding),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(reader)
    try:
        yield
    finally:
        os.write(writer, b"well\n")
        os.close(writer)

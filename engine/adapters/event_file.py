"""Events as lines of JSON in a file, for whatever reads logs."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from engine import published_events
from engine.errors import Unavailable
from engine.sinks import Delivery
from justin.schemas.views import EventView

_TAIL_BYTES: Final = 65_536


class EventFile:
    """A file that grows, and moves aside when it is large. Lines are whole: what a crash has torn is cut off."""

    name: Final = "file"

    def __init__(self, path: Path, max_bytes: int, keep: int, instance: str) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._instance = instance

    def send(self, events: Sequence[EventView]) -> Delivery:
        """Append the events; they are on disk when this returns."""
        lines = b"".join(published_events.line(event, self._instance) for event in events)
        try:
            with self._locked():
                self._rotate()
                self._append(lines)
        except OSError as error:
            raise Unavailable(f"The file of events {self._path}: {error.strerror or error}") from error
        return Delivery()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep others out: a publisher that has lost its lease may still be writing."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_name(f"{self._path.name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield

    def _append(self, lines: bytes) -> None:
        is_new = not self._path.exists()
        with self._path.open("ab+") as file:
            _cut_torn_line(file)
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            self._sync_directory()

    def _rotate(self) -> None:
        """Move the file aside when it is large, after the torn line of a crash is cut off."""
        if not self._path.exists() or self._path.stat().st_size < self._max_bytes:
            return
        with self._path.open("ab+") as file:
            _cut_torn_line(file)
        for number in range(self._keep, 1, -1):
            older = self._aside(number - 1)
            if older.exists():
                older.replace(self._aside(number))
        self._path.replace(self._aside(1))
        self._sync_directory()

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _sync_directory(self) -> None:
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _cut_torn_line(file: BinaryIO) -> None:
    """Cut off what follows the last end of a line: it was never said to be safe, and comes again."""
    end = file.seek(0, os.SEEK_END)
    kept = end
    while kept:
        start = max(0, kept - _TAIL_BYTES)
        file.seek(start)
        found = file.read(kept - start).rfind(b"\n")
        if found >= 0:
            kept = start + found + 1
            break
        kept = start
    if kept < end:
        file.truncate(kept)
    file.seek(0, os.SEEK_END)

"""Publishing what was sent, one after the other, some time after it came; what waits survives a restart."""

import logging
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from localgrid.rcds.settings import Settings
from localgrid.rcds.shelves import Shelves

LOG = logging.getLogger(__name__)

UNFINISHED: Final = ".tmp"
SWEEP_SECONDS: Final = 5.0
STOP_SECONDS: Final = 10.0


class Publisher:
    """The thread that publishes, for the length of a `with` block."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.shelves = Shelves(settings.directory.absolute(), tuple(settings.repositories), settings.lifetime_seconds)
        self._queue = settings.queue_directory
        self._news = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher")

    def __enter__(self) -> Self:
        """Begin with what an earlier server left."""
        self._queue.mkdir(parents=True, exist_ok=True)
        for left in self._queue.rglob(f"*{UNFINISHED}"):
            left.unlink()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; what waits is published by the next."""
        self._over.set()
        self._news.set()
        self._thread.join(STOP_SECONDS)

    def place_for(self, cid: str) -> Path:
        """Return where the tar of a publication is to be written while it comes in."""
        place = self._queue / cid
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.with_name(f"{place.name}.{threading.get_ident()}-{time.monotonic_ns()}{UNFINISHED}")

    def accept(self, cid: str, tar: Path) -> None:
        """Let a tar that has come in whole be published."""
        tar.replace(self._queue / cid)
        self._news.set()

    def _run(self) -> None:
        while not self._over.is_set():
            self._news.clear()
            pause = self._publish_due()
            self.shelves.sweep()
            self._news.wait(pause)

    def _publish_due(self) -> float:
        """Publish what has waited long enough, and return when to look again, in seconds."""
        pause = SWEEP_SECONDS
        for tar in sorted(path for path in self._queue.rglob("*") if path.is_file() and path.suffix != UNFINISHED):
            left = tar.stat().st_mtime + self.settings.delay_seconds - time.time()
            if left > 0:
                pause = min(pause, left)
                continue
            self._publish(str(tar.relative_to(self._queue)), tar)
        return pause

    def _publish(self, cid: str, tar: Path) -> None:
        try:
            path = self.shelves.put(cid, tar)
        except Exception:  # the edge of one publication: the real service only logs what it cannot unpack
            LOG.exception("%s cannot be published", cid)
        else:
            LOG.info("%s is published at %s", cid, path)
        tar.unlink(missing_ok=True)

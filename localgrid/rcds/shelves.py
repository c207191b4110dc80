"""Where publications lie: REPOSITORY/sw/CID, and beside it REPOSITORY/ts/CID, whose time says when it was renewed."""

import re
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localgrid.rcds.unpacking import unpack

CID: Final = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*(/[A-Za-z0-9_+-][A-Za-z0-9_.+-]*)?")
"""The name of a publication: what it is called, below a group at most."""

NEW: Final = ".new-"


@dataclass(frozen=True, slots=True)
class Shelves:
    """The repositories of one service."""

    directory: Path
    repositories: tuple[str, ...]
    lifetime_seconds: float

    def find(self, cid: str) -> Path | None:
        """Return where nodes see a publication; None for one that is not there, or no more."""
        for repository in self.repositories:
            path = self.directory / repository / "sw" / cid
            if path.is_dir() and not self._is_over(repository, cid):
                return path
        return None

    def renew(self, cid: str) -> None:
        """Let the time of a publication that is there begin anew."""
        for repository in self.repositories:
            if (self.directory / repository / "sw" / cid).is_dir():
                self._stamp(repository, cid)

    def put(self, cid: str, tar: Path) -> Path:
        """Publish the files of a tar, all at once; what is there already stays as it is."""
        if there := self.find(cid):
            return there
        repository = self.repositories[zlib.crc32(cid.encode()) % len(self.repositories)]
        path = self.directory / repository / "sw" / cid
        path.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=NEW, dir=path.parent))
        try:
            unpack(tar, new)
            new.chmod(0o755)
            self._stamp(repository, cid)
            shutil.rmtree(path, ignore_errors=True)
            new.rename(path)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return path

    def sweep(self) -> None:
        """Delete the publications whose time is over."""
        for repository, cid in list(self._all()):
            if self._is_over(repository, cid):
                shutil.rmtree(self.directory / repository / "sw" / cid, ignore_errors=True)
                self._time_stamp(repository, cid).unlink(missing_ok=True)

    def _all(self) -> Iterator[tuple[str, str]]:
        for repository in self.repositories:
            stamps = self.directory / repository / "ts"
            for stamp in stamps.rglob("*"):
                if stamp.is_file():
                    yield repository, str(stamp.relative_to(stamps))

    def _time_stamp(self, repository: str, cid: str) -> Path:
        return self.directory / repository / "ts" / cid

    def _stamp(self, repository: str, cid: str) -> None:
        stamp = self._time_stamp(repository, cid)
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.touch()

    def _is_over(self, repository: str, cid: str) -> bool:
        try:
            return time.time() - self._time_stamp(repository, cid).stat().st_mtime > self.lifetime_seconds
        except FileNotFoundError:
            return True

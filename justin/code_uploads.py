"""Uploading a user's own code to where all jobs see it, once for the same content, and waiting until they do."""

import hashlib
import lzma
import shutil
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from justin.calls import Calls
from justin.code_tars import check_tar, write_tar
from justin.errors import BadUpload, WaitedTooLong
from justin.schemas.uploads import CodeView

MIB: Final = 1 << 20
IN_MEMORY_BYTES: Final = 16 * MIB

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How long to wait until jobs see what was uploaded, not at all with 0, and how often to look."""

    timeout_seconds: float = 1800.0
    poll_seconds: float = 5.0
    upload_seconds: float = 1800.0
    """How long the server may take to pass it on."""


class Uploads(Calls):
    """The part of the client that sends files."""

    def upload_code(
        self, tar_or_folder: Path, limits: UploadLimits | None = None, on_progress: Tell | None = None
    ) -> CodeView:
        """Publish a tar, or the files of a folder, where all jobs see them, and wait until they do.

        The same content is sent once, whoever sends it, and is kept for 30 days from the last time that it was.
        `on_progress` gets a sentence at each step. Raises BadUpload for what cannot be read, WaitedTooLong when it is
        not to be seen in time.
        """
        tell, limits = on_progress or _nobody, limits or UploadLimits()
        with _tar(tar_or_folder) as tar:
            sha256 = _sha256(tar)
            known = self._look(sha256, renew=True)
            if known.path:
                tell("The same content is there already, and is kept for longer now.")
                return known
            tell(f"Uploading {tar.tell() / MIB:.1f} MiB")
            reply = self._transport.put_file(f"/code/{sha256}", tar, reply_seconds=limits.upload_seconds)
            sent = self._read(reply, CodeView)
        return _wait(sent, lambda: self._look(sha256, renew=False), limits, tell)

    def _look(self, sha256: str, *, renew: bool) -> CodeView:
        return self._get(f"/code/{sha256}", CodeView, {"renew": "true"} if renew else None)


def _wait(sent: CodeView, look: Callable[[], CodeView], limits: UploadLimits, tell: Tell) -> CodeView:
    began = time.monotonic()
    while not sent.path and limits.timeout_seconds:
        waited = time.monotonic() - began
        if waited >= limits.timeout_seconds:
            raise WaitedTooLong(
                f"{sent.sha256} is uploaded, but not to be seen after {limits.timeout_seconds:g} s; ask again later"
            )
        tell(f"Waiting until jobs see it, {waited:.0f} s so far")
        time.sleep(min(limits.poll_seconds, limits.timeout_seconds - waited))
        sent = look()
    return sent


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := file.read(MIB):
        digest.update(piece)
    return digest.hexdigest()


@contextmanager
def _tar(path: Path) -> Iterator[IO[bytes]]:
    """Make a tar of a folder, or a plain one of a tar that may be compressed; it is gone afterwards."""
    try:
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as made:
            if path.is_dir():
                write_tar(path, made)
            else:
                _copy(path, made)
            made.seek(0)
            yield made
    except OSError as error:
        raise BadUpload(f"{path} cannot be read: {error}") from error


def _copy(path: Path, made: IO[bytes]) -> None:
    """Take the compression off, which would give the same content another hash each time."""
    try:
        with tarfile.open(path) as opened:
            plain = cast("IO[bytes]", opened.fileobj)
            plain.seek(0)
            shutil.copyfileobj(plain, made)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise BadUpload(f"{path} is neither a folder nor a tar: {error}") from error
    made.seek(0)
    try:
        check_tar(made)
    except BadUpload as error:
        raise BadUpload(f"{path}: {error}") from error


def _nobody(_sentence: str) -> None:
    """Tell nobody."""

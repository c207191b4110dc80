"""The job's logs.tgz: packed and stored in a thread of its own, and never a reason for the job to fail."""

import contextlib
import io
import os
import re
import tarfile
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from wrapper import log, outputs, upload
from wrapper.allocator import Allocator, AllocatorError, Patience, RefusedError
from wrapper.jobscript import Log
from wrapper.log import say
from wrapper.outputs import Output
from wrapper.upload import NoTargetError, Stored
from wrapper.workspace import Workspace

Json = Dict[str, Any]
Text = Callable[[], str]

MIB = 1024 * 1024
FIRST_BYTES, LAST_BYTES = 4 * MIB, 12 * MIB
"""Of a log that is larger than both."""
MOST_BYTES, MOST_LOGS = 64 * MIB, 500
"""Of the logs that the jobscript left in its workspace, all together."""
CONFIRMING = Patience(tries=5)
LONGEST_WAIT_SECONDS = 600.0

ADS = {"justin-job-ad.log": "_CONDOR_JOB_AD", "justin-machine-ad.log": "_CONDOR_MACHINE_AD"}
HEARTBEATS, WRAPPER = "justin-heartbeats.log", "justin-wrapper.log"
JOBSCRIPT = "jobscript.log"
OURS = {*ADS, HEARTBEATS, WRAPPER, JOBSCRIPT}
PRIVATE = re.compile(r"^\s*(_condor_priv\w*|\w*claimids?(list)?|capability|transferkey)\s*=", re.IGNORECASE)
"""Attributes of ads with which somebody could use the slot."""


class Sources(NamedTuple):
    """What the logs are made of."""

    folder: str
    workspace: Workspace
    jobscript: Log
    heartbeats: Text
    environ: Mapping[str, str]


class Sending:
    """The logs of a job on their way."""

    def __init__(self, told: Json, sources: Sources, allocator: Allocator, ca_path: str) -> None:
        """Begin to send them where the allocator told."""
        self._thread = threading.Thread(
            target=_send, args=(told, sources, allocator, ca_path), name="logs", daemon=True
        )
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until they have arrived or failed, for so long and no longer than bearable."""
        self._thread.join(max(1.0, min(seconds, LONGEST_WAIT_SECONDS)))
        if self._thread.is_alive():
            say("the logs are given up: they are not stored in time")


def _send(told: Json, sources: Sources, allocator: Allocator, ca_path: str) -> None:
    path = sources.workspace.scratch / told["name"]
    try:
        packed = pack(sources, path)
        stored = upload.upload(upload.Plan(packed, upload.targets(told)), ca_path)
        say("the logs are at {} after {:.3f} s".format(stored.target.rse, stored.seconds))
        _confirm(stored, allocator)
    except (OSError, ValueError, tarfile.TarError, NoTargetError, AllocatorError) as error:
        say("the logs are not stored: {}".format(error))


def _confirm(stored: Stored, allocator: Allocator) -> None:
    try:
        allocator.call("confirm_logs", {"logs": stored.message()}, CONFIRMING)
    except RefusedError:
        upload.remove(stored)
        raise


def pack(sources: Sources, path: Path) -> Output:
    """Write all logs into one file, below the folder, and return it as an output."""
    start = time.monotonic()
    with contextlib.suppress(FileNotFoundError):
        # A jobscript without a container could have left a link of that name.
        path.unlink()
    with tarfile.open(str(path), "x:gz", compresslevel=6, format=tarfile.GNU_FORMAT) as archive:
        for name, content in _contents(sources):
            entry = tarfile.TarInfo("{}/{}".format(sources.folder.replace("/", "-"), name))
            entry.size, entry.mtime = len(content), int(time.time())
            archive.addfile(entry, io.BytesIO(content))
    size_bytes, adler32 = outputs.adler32(path)
    say("packed the logs into {} bytes in {:.3f} s".format(size_bytes, time.monotonic() - start))
    return Output(path.name, path, 0, size_bytes, adler32)


def _contents(sources: Sources) -> Iterator[Tuple[str, bytes]]:
    """Yield the logs, the wrapper's own last: it says what is left out of the others."""
    yield JOBSCRIPT, _bounded(sources.jobscript.descriptor)
    for name, variable in sorted(ADS.items()):
        yield from _ad(name, sources.environ.get(variable))
    yield HEARTBEATS, sources.heartbeats().encode("utf-8", "replace")
    yield from _left_by_jobscript(sources.workspace)
    yield WRAPPER, log.text().encode("utf-8", "replace")


def _ad(name: str, path: Optional[str]) -> Iterator[Tuple[str, bytes]]:
    """Yield an ad of HTCondor's; a node outside HTCondor has none."""
    if not path or not os.path.isfile(path):
        return
    with open(path, encoding="utf-8", errors="replace") as lines:
        yield name, "".join(line for line in lines if not PRIVATE.match(line)).encode("utf-8")


def _left_by_jobscript(workspace: Workspace) -> Iterator[Tuple[str, bytes]]:
    left_bytes = MOST_BYTES
    for number, name in enumerate(_names(workspace)):
        content = _content(workspace, name) if number < MOST_LOGS else b""
        if number >= MOST_LOGS or len(content) > left_bytes:
            say("the logs are without {} and what comes after it: they would be too many or too large".format(name))
            return
        left_bytes -= len(content)
        yield name, content


def _names(workspace: Workspace) -> List[str]:
    """List the logs in the root of the workspace that are not ours."""
    names = [entry.name for entry in os.scandir(str(workspace.workspace)) if _is_log(entry.name)]
    for name in sorted(OURS.intersection(names) - {JOBSCRIPT}):
        say("the logs are without the jobscript's {}: that is the name of one of ours".format(name))
    return sorted(set(names) - OURS)


def _is_log(name: str) -> bool:
    return name.endswith(".log") and not name.startswith(".")


def _content(workspace: Workspace, name: str) -> bytes:
    """Read a log, or say in its place why it cannot be read."""
    try:
        real = outputs.inside(workspace, workspace.workspace / name)
        if real is None:
            return b"This is no file of the job's home.\n"
        descriptor = os.open(str(real), os.O_RDONLY | os.O_NOFOLLOW)
    except (OSError, RuntimeError) as error:
        return "It cannot be read: {}\n".format(error).encode("utf-8", "replace")
    try:
        return _bounded(descriptor)
    finally:
        os.close(descriptor)


def _bounded(descriptor: int) -> bytes:
    """Read a file whole, or its beginning and its end with a line between them that says so."""
    size = os.fstat(descriptor).st_size
    left_out = size - FIRST_BYTES - LAST_BYTES
    if left_out <= 0:
        return _read(descriptor, 0, size)
    mark = "\n[justIN: {} of {} bytes are left out here]\n".format(left_out, size)
    return _read(descriptor, 0, FIRST_BYTES) + mark.encode() + _read(descriptor, size - LAST_BYTES, LAST_BYTES)


def _read(descriptor: int, start: int, count: int) -> bytes:
    pieces: List[bytes] = []
    while count > 0:
        piece = os.pread(descriptor, min(count, MIB), start)
        if not piece:
            break
        pieces.append(piece)
        start, count = start + len(piece), count - len(piece)
    return b"".join(pieces)

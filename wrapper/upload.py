"""Brings every output of a job to one of its targets."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from wrapper import directory, webdav, xrootd
from wrapper.heartbeat import StoppedError
from wrapper.log import say
from wrapper.outputs import Output
from wrapper.targets import AccessRefusedError, Parcel, Target, UploadError

Json = Dict[str, Any]
Put = Callable[[Parcel, Target], None]

PUT: Dict[str, Put] = {"file": directory.put, "https": webdav.put, "davs": webdav.put, "root": xrootd.put}
REMOVE: Dict[str, Put] = {
    "file": directory.remove,
    "https": webdav.remove,
    "davs": webdav.remove,
    "root": xrootd.remove,
}

CHECK: Dict[str, Put] = {"file": directory.check, "https": webdav.check, "davs": webdav.check, "root": xrootd.check}

AT_ONCE = 4
SHORTEST_TIMEOUT_SECONDS = 1200.0
SLOWEST_BYTES_PER_SECOND = 1024 * 1024


class NoTargetError(Exception):
    """None of an output's targets took it."""

    def __init__(self, name: str, rse: str, failures: List[str], *, access_refused: bool = False) -> None:
        """Keep the last target's name, and whether it was the token that it did not take."""
        super().__init__("{} could not be put anywhere: {}".format(name, "; ".join(failures) or "it has no targets"))
        self.rse = rse
        self.reason = "access_refused" if access_refused else "upload_failed"


class Stored(NamedTuple):
    """An output that lies at a target, and how long that took."""

    parcel: Parcel
    target: Target
    seconds: float

    def message(self) -> Json:
        """Return what the allocator is told of it."""
        output = self.parcel.output
        return {
            "name": output.name,
            "rse": self.target.rse,
            "url": self.target.url,
            "size_bytes": output.size_bytes,
            "adler32": output.adler32,
            "seconds": self.seconds,
        }


class Plan(NamedTuple):
    """One output and the targets to be tried for it, in order."""

    output: Output
    targets: List[Target]


def plans(found: List[Output], uploads: List[Json]) -> List[Plan]:
    """Match the allocator's answer with the outputs that were reported."""
    by_name = {output.name: output for output in found}
    return [Plan(by_name[told["name"]], targets(told)) for told in uploads]


def targets(told: Json) -> List[Target]:
    """Return the targets that the allocator tells for one file, in order."""
    return [target_of(each) for each in told["targets"]]


def target_of(told: Json) -> Target:
    """Make a target of what the allocator tells of it."""
    return Target(**{name: told[name] for name in Target._fields if name in told})


def upload_all(wanted: List[Plan], ca_path: str, check: Callable[[], None]) -> List[Stored]:
    """Upload all outputs, some at once, asking before each whether the job is to go on.

    Raises NoTargetError when one finds no place, StoppedError when the job is to stop. The outputs that have theirs are
    deleted from it then: the job is still this one's, and so are the names.
    """
    over = threading.Event()

    def go_on(plan: Plan) -> Optional[Stored]:
        if over.is_set():
            return None
        check()
        return upload(plan, ca_path)

    threads = ThreadPoolExecutor(AT_ONCE)
    uploads = [threads.submit(go_on, plan) for plan in wanted]
    try:
        return [stored for stored in (each.result() for each in uploads) if stored]
    except (NoTargetError, StoppedError):
        over.set()
        threads.shutdown()
        _take_back(uploads)
        raise
    finally:
        over.set()


def upload(plan: Plan, ca_path: str) -> Stored:
    """Upload one file to the first of its targets that takes it; raises NoTargetError when none does."""
    timeout_seconds = max(SHORTEST_TIMEOUT_SECONDS, plan.output.size_bytes / SLOWEST_BYTES_PER_SECOND)
    parcel = Parcel(plan.output, ca_path, timeout_seconds)
    failures: List[str] = []
    refused = False
    for target in plan.targets:
        start = time.monotonic()
        try:
            put(parcel, target)
        except UploadError as error:
            refused = isinstance(error, AccessRefusedError)
            failures.append("{}: {}".format(target.rse, error))
            say("upload of {} to {} failed: {}".format(plan.output.name, target.rse, error))
        else:
            return Stored(parcel, target, time.monotonic() - start)
    last = plan.targets[-1].rse if plan.targets else ""
    raise NoTargetError(plan.output.name, last, failures, access_refused=refused)


def put(parcel: Parcel, target: Target) -> None:
    """Put an output to one place; raises UploadError when it does not take it."""
    if target.protocol not in PUT:
        raise UploadError("the wrapper does not know the protocol {}".format(target.protocol))
    if target.size_limit_bytes is not None and parcel.output.size_bytes > target.size_limit_bytes:
        raise UploadError("it takes files of {} bytes at most".format(target.size_limit_bytes))
    PUT[target.protocol](parcel, target)


def _take_back(uploads: "List[Future[Optional[Stored]]]") -> None:
    """Delete what was stored; what cannot be deleted stays, and its name is said."""
    for stored in (each.result() for each in uploads if not each.exception()):
        if stored:
            remove(stored)


def remove(stored: Stored) -> None:
    """Delete a stored file again, or say that it stays."""
    try:
        REMOVE[stored.target.protocol](stored.parcel, stored.target)
    except UploadError as error:
        say("{} stays at {}: {}".format(stored.parcel.output.name, stored.target.rse, error))

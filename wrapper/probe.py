"""Tries what can be read and written from here, storage by storage, when the job is a probe."""

import functools
import queue
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Set
from urllib.parse import urlsplit

from wrapper import outputs, upload
from wrapper.log import say
from wrapper.outputs import Output
from wrapper.targets import Parcel, Target, UploadError

Json = Dict[str, Any]

AT_ONCE = 4
TRIAL_SECONDS = 120.0
"""What one program that reads or writes may take."""
LONGEST_SECONDS = 1800.0
"""All of it together; what has not ended by then has failed, such as a mount that hangs."""
MESSAGE_CHARACTERS = 1000
LOG_CHARACTERS = 10_000


class Trial(NamedTuple):
    """What is to be tried at one storage."""

    rse: str
    read_url: str
    targets: List[Target]
    keep: bool


def run(work: Json, directory: Path, ca_path: str, seconds_left: float, check: Callable[[], None]) -> Json:
    """Try all storages, some at once, and return the report; what there was no time for is not in it.

    `check` is called now and then and raises when the job is to stop.
    """
    parcel = _parcel(work["content"], directory, ca_path)
    trials = [_trial(told) for told in work["trials"]]
    found = _try_all(trials, parcel, min(LONGEST_SECONDS, seconds_left / 2), check)
    lines = [line(work["site_name"], each) for each in found]
    for each in lines:
        say(each)
    return {"storages": found, "jobscript_log": "".join(each + "\n" for each in lines)[-LOG_CHARACTERS:]}


def line(site: str, found: Json) -> str:
    """Say what was found at a storage: 0 for what went well, 1 for what did not, - for what was not tried."""
    words = ["-" if each is None else str(int(not each["ok"])) for each in (found["read"], found["write"])]
    problems = [each["message"] for each in (found["read"], found["write"]) if each and each["message"]]
    return " ".join(["==awt==", site, found["rse"], *words, *problems])


def _trial(told: Json) -> Trial:
    targets = [upload.target_of(target) for target in told["targets"]]
    return Trial(told["rse"], told["read_url"], targets, told["keep"])


def _parcel(content: str, directory: Path, ca_path: str) -> Parcel:
    """Make the file that is written everywhere; what is read must be the same."""
    directory.mkdir(exist_ok=True)
    path = directory / "probe.txt"
    path.write_bytes(content.encode("utf-8"))
    return Parcel(Output(path.name, path, 0, *outputs.adler32(path)), ca_path, TRIAL_SECONDS)


def _try_all(trials: List[Trial], parcel: Parcel, seconds: float, check: Callable[[], None]) -> List[Json]:
    waiting: "queue.Queue[Trial]" = queue.Queue()
    done: "queue.Queue[Json]" = queue.Queue()
    begun: Set[str] = set()
    for trial in trials:
        waiting.put(trial)

    def work() -> None:
        while True:
            try:
                trial = waiting.get_nowait()
            except queue.Empty:
                return
            begun.add(trial.rse)
            done.put(_try(trial, parcel))

    # Not an executor, which waits for its threads at the end: one that a mount holds never comes back.
    for _ in range(AT_ONCE):
        threading.Thread(target=work, name="probe", daemon=True).start()
    found = _collect(done, len(trials), time.monotonic() + seconds, check)
    over = begun - {each["rse"] for each in found}
    return found + [_hung(trial, seconds) for trial in trials if trial.rse in over]


def _collect(done: "queue.Queue[Json]", count: int, until: float, check: Callable[[], None]) -> List[Json]:
    found: List[Json] = []
    while len(found) < count and time.monotonic() < until:
        check()
        try:
            found.append(done.get(timeout=min(1.0, max(0.0, until - time.monotonic()))))
        except queue.Empty:
            continue
    return found


def _try(trial: Trial, parcel: Parcel) -> Json:
    """Write and read at one storage. Where no known file lies yet, what was just written is read."""
    where: List[Target] = []
    write = _timed(lambda: where.append(_write(trial, parcel))) if trial.targets else None
    read = None
    if trial.read_url:
        source = Target(trial.rse, urlsplit(trial.read_url).scheme, trial.read_url)
        read = _timed(lambda: _read(source, parcel))
    elif where and trial.keep:
        read = _timed(lambda: _read(where[0], parcel))
    if where and not trial.keep:
        _remove(where[0], parcel)
    return {"rse": trial.rse, "read": read, "write": write}


def _write(trial: Trial, parcel: Parcel) -> Target:
    """Write to the first of the targets that takes it, as a job does, and return it."""
    problems: List[str] = []
    for target in trial.targets:
        problem = _problem(functools.partial(upload.put, parcel, target))
        if not problem:
            return target
        problems.append(problem)
    raise UploadError("; ".join(problems))


def _read(source: Target, parcel: Parcel) -> None:
    if source.protocol not in upload.CHECK:
        raise UploadError("the wrapper does not know the protocol {}".format(source.protocol))
    upload.CHECK[source.protocol](parcel, source)


def _remove(target: Target, parcel: Parcel) -> None:
    try:
        upload.REMOVE[target.protocol](parcel, target)
    except UploadError as error:
        say("what was written stays at {}: {}".format(target.rse, error))


def _timed(act: Callable[[], None]) -> Json:
    start = time.monotonic()
    problem = _problem(act)
    message = " ".join(problem.split())[:MESSAGE_CHARACTERS]
    return {"ok": not problem, "seconds": time.monotonic() - start, "message": message}


def _problem(act: Callable[[], None]) -> str:
    """Do something and say how it failed; nothing when it did not."""
    try:
        act()
    except (UploadError, OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return ""


def _hung(trial: Trial, seconds: float) -> Json:
    late = {"ok": False, "seconds": seconds, "message": "it did not end within {:.0f} s".format(seconds)}
    return {
        "rse": trial.rse,
        "read": late if trial.read_url else None,
        "write": late if trial.targets else None,
    }

"""The edge of the wrapper: whatever happens to the job ends here, and is reported."""

import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any, Dict, List, Optional

from wrapper import __version__, guardian, job, log, processes
from wrapper.allocator import Allocator, AllocatorError, Patience, RefusedError
from wrapper.heartbeat import StoppedError
from wrapper.job import Job
from wrapper.life import AbortError, Life
from wrapper.log import say

Json = Dict[str, Any]

REPORTED, UNREPORTED, USAGE = 0, 1, 2
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
QUICK = Patience(tries=2)
LAST_WORD_TRIES = 5
LAST_WORD_SECONDS = 600.0


class TakenAwayError(Exception):
    """The slot is being taken away from the job."""


def main(arguments: List[str]) -> int:
    """Live one job; the exit status is 0 once the allocator knows how the job ended."""
    if len(arguments) != 1:
        sys.stderr.write("usage: justin-wrapper.pyz job.json\n")
        return USAGE
    try:
        this = job.read(Path(arguments[0]).absolute())
    except (OSError, ValueError, job.BadOrderError) as error:
        say("the job does not know what it is: {}".format(error))
        return USAGE
    say("justIN wrapper {} of job {}".format(__version__, this.jobsub_id))
    return guardian.guard(lambda: _live(this), lambda number: _mourn(this, number))


def _live(this: Job) -> int:
    _listen()
    allocator = Allocator(this)
    life = Life(this, allocator, Path.cwd())
    try:
        code = _reported(allocator, life)
    except TakenAwayError as error:
        say("{}, while the job was being given up".format(error))
        code = UNREPORTED
    _ignore_signals()
    processes.sweep()
    log.summarise()
    return code


def _reported(allocator: Allocator, life: Life) -> int:
    """Live, and report an end that the allocator has not heard of."""
    try:
        life.live()
    except AllocatorError as error:
        say(str(error))
        return _code(error)
    except Exception as error:  # noqa: BLE001 - the edge: nothing may end the wrapper unreported
        patience = Patience(LAST_WORD_TRIES, time.monotonic() + LAST_WORD_SECONDS)
        return _abort(allocator, life, _last_word(error), QUICK if isinstance(error, TakenAwayError) else patience)
    return REPORTED


def _last_word(error: Exception) -> Json:
    """Say how an error is reported."""
    if isinstance(error, AbortError):
        return error.message
    if isinstance(error, (StoppedError, TakenAwayError)):
        return {"reason": "stopped", "detail": str(error)}
    say("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    return {"reason": "wrapper_error", "detail": "{}: {}".format(type(error).__name__, error)[:4000]}


def _code(error: AllocatorError) -> int:
    """Return the exit status after a call that failed: a job that the server has ended needs no word."""
    return REPORTED if isinstance(error, RefusedError) and error.job_ended else UNREPORTED


def _abort(allocator: Allocator, life: Life, message: Json, patience: Patience) -> int:
    """Report that the job is given up."""
    say("giving up: {} {}".format(message["reason"], message["detail"]))
    processes.sweep()
    try:
        allocator.call("job_aborted", dict(message, jobscript_log=life.log_tail()), patience)
    except AllocatorError as error:
        say(str(error))
        return _code(error)
    return REPORTED


def _mourn(this: Job, signal_number: int) -> int:
    """Report that the wrapper's working half was killed."""
    message = {"reason": "wrapper_error", "detail": "the wrapper was killed by signal {}".format(signal_number)}
    try:
        Allocator(this).call("job_aborted", message, QUICK)
    except AllocatorError as error:
        say(str(error))
        return UNREPORTED
    return REPORTED


def _listen() -> None:
    """Turn the first signal to end into an exception, wherever the job is; what follows it must not interrupt it."""

    def end(signal_number: int, _frame: Optional[FrameType]) -> None:
        _ignore_signals()
        raise TakenAwayError("the wrapper was told to end by signal {}".format(signal_number))

    for each in SIGNALS:
        signal.signal(each, end)


def _ignore_signals() -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)

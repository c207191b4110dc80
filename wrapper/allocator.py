"""The allocator as the wrapper sees it: signed calls, repeated where that may help."""

import itertools
import json
import random
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Dict, NamedTuple, Optional
from urllib.parse import urlsplit

from wrapper import signing, web
from wrapper.job import Job
from wrapper.log import say

Json = Dict[str, Any]

LONGEST_PAUSE_SECONDS = 60.0
TIMEOUT_SECONDS = 60.0


class AllocatorError(Exception):
    """The allocator gave no usable answer."""


class RefusedError(AllocatorError):
    """The allocator refused the call, and would refuse it again."""

    def __init__(self, method: str, status: int, code: str, detail: str) -> None:
        """Keep what the problem said."""
        super().__init__("{} was refused: {} {} {}".format(method, status, code, detail).rstrip())
        self.method = method
        self.status = status
        self.job_ended = code == "job_ended"
        """Whether the server has ended the job and given its files away."""


class _PassingError(Exception):
    """A failure that may pass by itself."""

    def __init__(self, message: str, retry_after_seconds: float = 0.0, *, broken: bool = False) -> None:
        """Keep how long the server wants to be left alone, and whether it is there but broken.

        A server that is broken for this very request may stay so: only one that is away is worth waiting for longer.
        """
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.broken = broken


class Patience(NamedTuple):
    """How often a call is tried: at least `tries` times, and on until a moment of the monotonic clock."""

    tries: int
    until: float = 0.0
    first_pause_seconds: float = 1.0


class Allocator:
    """The allocator of one job; threads may share it."""

    def __init__(self, job: Job) -> None:
        """Remember whom to ask as whom."""
        self._job = job
        self.clock_offset_seconds = 0.0
        """Server's clock minus the node's, once the server said that they differ."""

    def call(self, method: str, message: Json, patience: Patience) -> Json:
        """Make a call, repeat it while that may help, and return the reply.

        Raises RefusedError for what a repetition cannot help, AllocatorError when patience has run out.
        """
        body = json.dumps(message).encode("ascii")
        pause = patience.first_pause_seconds
        for tries in itertools.count(1):
            try:
                return self._try(method, body)
            except _PassingError as error:
                wait = max(error.retry_after_seconds, _spread(pause))
                if tries >= patience.tries and (error.broken or time.monotonic() + wait > patience.until):
                    raise AllocatorError("{} failed {} times, last: {}".format(method, tries, error)) from error
                say("{}: {}; trying again in {:.1f} s".format(method, error, wait))
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        raise AssertionError("counting never ends")

    def _try(self, method: str, body: bytes) -> Json:
        try:
            reply = self._post(method, body)
        except web.UnreachableError as error:
            raise _PassingError(str(error)) from error
        if _passes(reply.status):
            raise _PassingError(
                "{} {}".format(reply.status, _problem(reply).get("detail", "")),
                retry_after_seconds=_retry_after(reply),
                broken=reply.status == HTTPStatus.INTERNAL_SERVER_ERROR,
            )
        return _understood(method, reply)

    def _post(self, method: str, body: bytes) -> web.Reply:
        reply = self._post_once(method, body)
        if reply.status == HTTPStatus.UNAUTHORIZED and _problem(reply).get("code") == "clock_skew":
            offset = _clock_offset(reply)
            if offset is not None:
                self.clock_offset_seconds = offset
                say("the node's clock differs from the server's by {:.0f} s".format(offset))
                return self._post_once(method, body)
        return reply

    def _post_once(self, method: str, body: bytes) -> web.Reply:
        url = self._job.allocator_url + method
        now = int(time.time() + self.clock_offset_seconds)
        headers = signing.headers(self._job.jobsub_id, self._job.secret, urlsplit(url).path, body, now)
        headers["Content-Type"] = "application/json"
        return web.exchange("POST", url, body, headers, TIMEOUT_SECONDS, self._job.ca_path)


def _spread(pause_seconds: float) -> float:
    """Vary a pause, so that the jobs of a whole site do not come back at the same moment."""
    return pause_seconds * random.uniform(0.5, 1.5)  # noqa: S311 - no secret hangs on it


def _passes(status: int) -> bool:
    """Whether an error of this status may pass by itself."""
    return (
        status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def _understood(method: str, reply: web.Reply) -> Json:
    if reply.status != HTTPStatus.OK:
        problem = _problem(reply)
        code, detail = str(problem.get("code", "")), str(problem.get("detail", ""))
        raise RefusedError(method, reply.status, code, detail)
    try:
        answer = json.loads(reply.body.decode("utf-8"))
    except ValueError as error:
        raise AllocatorError("{} was answered with something else than JSON".format(method)) from error
    if not isinstance(answer, dict):
        raise AllocatorError("{} was answered with something else than an object".format(method))
    return answer


def _problem(reply: web.Reply) -> Json:
    """Return the problem a reply tells, or nothing where it is a gateway's page."""
    try:
        problem = json.loads(reply.body.decode("utf-8"))
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _clock_offset(reply: web.Reply) -> Optional[float]:
    told = _problem(reply).get("server_time")
    if isinstance(told, (int, float)):
        return float(told) - time.time()
    try:
        return parsedate_to_datetime(reply.headers["date"]).timestamp() - time.time()
    except (KeyError, TypeError, ValueError):
        return None


def _retry_after(reply: web.Reply) -> float:
    try:
        return min(float(reply.headers["retry-after"]), LONGEST_PAUSE_SECONDS)
    except (KeyError, ValueError):
        return 0.0

"""A signed call to the allocator with python3, run by the helper commands; the same as call.sh.

It stands alone, because it runs in whatever image the jobscript runs in. It exits with 40 more than the command is
to exit with, so that a python3 that does not work cannot be taken for an answer.
"""

import hashlib
import hmac
import http.client
import json
import os
import ssl
import sys
import time
from http import HTTPStatus
from typing import Any, Dict, List, NamedTuple, Optional
from urllib.parse import urlsplit

GOT, NONE, USAGE, REFUSED, UNREACHABLE, NO_TIME = range(40, 46)
PAUSES_SECONDS = (1, 2, 4)
UNANSWERED = "unanswered"
"""The wrapper tells the allocator of this file beside call.json: what follows is not the jobscript's fault."""
TIMEOUT_SECONDS = 120


class Leave(Exception):
    """The call ends without an answer."""

    def __init__(self, code: int, message: str) -> None:
        """Keep the exit that goes with the message."""
        super().__init__(message)
        self.code = code


class Reply(NamedTuple):
    """The status of a reply, 0 when none came, and its text."""

    status: int
    text: str


def seconds_needed(arguments: List[str]) -> Optional[int]:
    """Read the one option there is."""
    if not arguments:
        return None
    name, _, value = arguments[0].partition("=")
    if name != "--seconds-needed":
        raise Leave(USAGE, "unknown option " + arguments[0])
    rest = arguments[1:]
    if "=" not in arguments[0]:
        value, rest = "".join(rest[:1]), rest[1:]
    if not value.isdigit():
        raise Leave(USAGE, "--seconds-needed takes a number of seconds")
    return seconds_needed(rest) or int(value)


def headers(told: Dict[str, Any], path: str, body: bytes) -> Dict[str, str]:
    """Sign a call with the jobscript's secret."""
    now = str(int(time.time() + told["clock_offset_seconds"]))
    nonce = hashlib.sha256(os.urandom(32)).hexdigest()[:32]
    text = "\n".join(["POST", path, now, nonce, hashlib.sha256(body).hexdigest()])
    key = told["secret"].encode("ascii")
    return {
        "Content-Type": "application/json",
        "Connection": "close",
        "X-Justin-Job": told["jobsub_id"],
        "X-Justin-Time": now,
        "X-Justin-Nonce": nonce,
        "X-Justin-Signature": hmac.new(key, text.encode("ascii"), hashlib.sha256).hexdigest(),
    }


def connect(told: Dict[str, Any]) -> http.client.HTTPConnection:
    """Make the connection to the allocator, verified with the CA certificates that the wrapper was told of."""
    parts = urlsplit(told["url"])
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    context = ssl.create_default_context()
    if told["ca_path"] and os.path.isdir(told["ca_path"]):
        context.load_verify_locations(capath=told["ca_path"])
    elif told["ca_path"]:
        context.load_verify_locations(cafile=told["ca_path"])
    return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS, context=context)


def post(told: Dict[str, Any], method: str) -> Reply:
    """Make one call."""
    body = json.dumps({"method": method}).encode("ascii")
    path = told["path"] + method
    try:
        link = connect(told)
        link.request("POST", path, body, headers(told, path, body))
        reply = link.getresponse()
        return Reply(reply.status, reply.read().decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException) as error:
        return Reply(0, "{}: {}".format(type(error).__name__, error))


def passes(status: int) -> bool:
    """Whether an error of this status may pass by itself."""
    return (
        status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def post_patiently(told: Dict[str, Any], method: str) -> Reply:
    """Make a call, and repeat it for some seconds while that may help."""
    reply = post(told, method)
    for pause in PAUSES_SECONDS:
        if reply.status and not passes(reply.status):
            break
        time.sleep(pause)
        reply = post(told, method)
    return reply


def answer(told: Dict[str, Any], method: str, needed: Optional[int], path: str) -> str:
    """Return what the allocator answers."""
    if needed is not None and time.time() > told["timestamp"] + told["wall_seconds"] - needed:
        raise Leave(NO_TIME, "fewer than {} seconds are left".format(needed))
    reply = post_patiently(told, method)
    if method == "get_file" and (reply.status == 0 or passes(reply.status)):
        note_silence(path)
    if reply.status == 0:
        raise Leave(UNREACHABLE, "the allocator cannot be reached: " + reply.text)
    if reply.status == HTTPStatus.NOT_FOUND:
        raise Leave(NONE, "there is no file for this job: " + reply.text)
    if reply.status != HTTPStatus.OK:
        raise Leave(REFUSED, "the allocator answered {}: {}".format(reply.status, reply.text))
    return reply.text


def note_silence(path: str) -> None:
    """Note that the allocator has kept the jobscript waiting for a file in vain."""
    try:
        with open(os.path.join(os.path.dirname(path), UNANSWERED), "w", encoding="ascii"):
            pass
    except OSError as error:
        say("{} cannot be written: {}".format(UNANSWERED, error))


def file_line(text: str) -> str:
    """Note the DID of a file that was given, and return its line."""
    words = text.split()
    if len(words) != len(("DID", "PFN", "RSE")):
        raise Leave(REFUSED, "the allocator's answer is not DID PFN RSE")
    try:
        with open("all-input-dids.txt", "a", encoding="utf-8") as dids:
            dids.write(words[0] + "\n")
    except OSError as error:
        say("all-input-dids.txt cannot be written here: {}".format(error))
    return " ".join(words) + "\n"


def say(message: str) -> None:
    """Tell the jobscript's log what went wrong."""
    sys.stderr.write("justin: {}\n".format(message))


def main(path: str, method: str, arguments: List[str]) -> int:
    """Make the call and print its answer."""
    try:
        with open(path, encoding="utf-8") as file:
            told = json.load(file)
        text = answer(told, method, seconds_needed(arguments), path)
        # Bytes, because the image may have no locale.
        sys.stdout.buffer.write((file_line(text) if method == "get_file" else text).encode("utf-8"))
        sys.stdout.flush()
    except Leave as leave:
        say(str(leave))
        if leave.code != USAGE and method != "get_file":
            return NONE
        return leave.code
    return GOT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))

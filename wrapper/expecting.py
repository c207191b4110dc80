"""A PUT that waits for the server's word before it sends the file (RFC 9110, 100-continue).

Storage systems answer a PUT with a redirection to the machine that holds the disk. Whoever has sent the file by then
has sent it for nothing.
"""

import http.client
import re
import socket
import time
from http import HTTPStatus
from typing import IO, Dict, NamedTuple, Optional, Tuple, cast
from urllib.parse import urlsplit

from wrapper import outputs, web
from wrapper.targets import Parcel, UploadError

WAIT_FOR_WORD_SECONDS = 2.0
SOCKET_SECONDS = 120.0
FINAL_SECONDS = 600.0
"""Some storages compute a checksum before they answer."""
LONGEST_LINE_BYTES = 65536
STATUS_LINE = re.compile(r"^HTTP/\d(?:\.\d)? (\d{3})\b")


class PutReply(NamedTuple):
    """The final reply, and whether the file was sent for it."""

    status: int
    headers: Dict[str, str]
    sent: bool


def put(parcel: Parcel, url: str, headers: Dict[str, str]) -> PutReply:
    """Put an output to an URL, without following redirections."""
    parts = urlsplit(url)
    link = web.connection(parts, SOCKET_SECONDS, parcel.ca_path)
    try:
        _send_headers(link, web.target(parts), parcel, headers)
        return _converse(link.sock, parcel)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UploadError("PUT to {}: {}: {}".format(parts.netloc, type(error).__name__, error)) from error
    finally:
        link.close()


def _send_headers(link: http.client.HTTPConnection, target: str, parcel: Parcel, headers: Dict[str, str]) -> None:
    link.putrequest("PUT", target)
    link.putheader("Content-Length", str(parcel.output.size_bytes))
    link.putheader("Content-Type", "application/octet-stream")
    link.putheader("Expect", "100-continue")
    link.putheader("Connection", "close")
    for name, value in headers.items():
        link.putheader(name, value)
    link.endheaders()


def _converse(sock: socket.socket, parcel: Parcel) -> PutReply:
    word = _first_word(sock)
    if word and word[0] != HTTPStatus.CONTINUE:
        return PutReply(word[0], word[1], sent=False)
    refusal = _send_file(sock, parcel)
    status, headers = _read_final(sock, refusal)
    return PutReply(status, headers, sent=True)


def _first_word(sock: socket.socket) -> Optional[Tuple[int, Dict[str, str]]]:
    """Wait a little for the server's word: one that does not know the header says nothing before it has the file."""
    sock.settimeout(WAIT_FOR_WORD_SECONDS)
    try:
        return _read_reply(sock)
    except socket.timeout:
        return None
    finally:
        sock.settimeout(SOCKET_SECONDS)


def _send_file(sock: socket.socket, parcel: Parcel) -> str:
    """Send the file; return why that failed, for the server may have said the reason before it hung up."""
    deadline = time.monotonic() + parcel.timeout_seconds
    try:
        for block in outputs.blocks(parcel.path):
            sock.sendall(block)
            if time.monotonic() > deadline:
                raise UploadError("the upload took more than {:.0f} s".format(parcel.timeout_seconds))
    except (BrokenPipeError, ConnectionResetError) as error:
        return str(error)
    return ""


def _read_final(sock: socket.socket, refusal: str) -> Tuple[int, Dict[str, str]]:
    sock.settimeout(FINAL_SECONDS)
    try:
        while True:
            status, headers = _read_reply(sock)
            if status >= HTTPStatus.OK:
                return status, headers
    except (OSError, http.client.HTTPException) as error:
        raise UploadError("the server hung up: {}".format(refusal or error)) from error


def _read_reply(sock: socket.socket) -> Tuple[int, Dict[str, str]]:
    """Read the head of one reply, and not a byte more: the next one may be behind it already."""
    with sock.makefile("rb", buffering=0) as replies:
        line = replies.readline(LONGEST_LINE_BYTES).decode("latin-1")
        found = STATUS_LINE.match(line)
        if not found:
            raise http.client.BadStatusLine(line or "nothing")
        return int(found.group(1)), web.lowered(http.client.parse_headers(cast(IO[bytes], replies)))

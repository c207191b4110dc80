"""Uploads by WebDAV (RFC 4918) with a bearer token."""

import posixpath
import zlib
from http import HTTPStatus
from typing import Dict, Optional, Tuple, Type
from urllib.parse import urljoin, urlsplit, urlunsplit

from wrapper import expecting, web
from wrapper.log import say
from wrapper.targets import AccessRefusedError, Parcel, Target, UploadError, compare

MOST_REDIRECTS = 5
REDIRECTS = {301, 302, 303, 307, 308}
STORED = {200, 201, 204}
NO_PARENT = {404, 409}
NO_RIGHT = {401, 403}
CALL_SECONDS = 120.0


def put(parcel: Parcel, target: Target) -> None:
    """Put an output to its place, make missing collections, and compare what lies there then."""
    url = _https(target.url)
    status, sent = _put(parcel, url, target.token)
    if status in NO_PARENT:
        _make_collections(parcel, posixpath.dirname(url.rstrip("/")), target.token)
        status, sent = _put(parcel, url, target.token)
    try:
        _verify(parcel, url, target.token, status)
    except UploadError:
        if sent:
            _clean(parcel, target)
        raise


def check(parcel: Parcel, target: Target) -> None:
    """Read what lies at a place, and raise UploadError unless it is the output; it is kept in memory meanwhile."""
    reply = _call("GET", _https(target.url), parcel, target.token)
    if reply.status != HTTPStatus.OK:
        raise UploadError("GET of {} was answered {}".format(_shown(target.url), reply.status))
    checksum = "{:08x}".format(zlib.adler32(reply.body) & 0xFFFFFFFF)
    compare(len(reply.body), checksum, parcel, _shown(target.url))


def remove(parcel: Parcel, target: Target) -> None:
    """Delete an output from its place again, if it lies there."""
    reply = _call("DELETE", _https(target.url), parcel, target.token)
    if reply.status not in STORED | {202, 404}:
        raise UploadError("DELETE of {} was answered {}".format(_shown(target.url), reply.status))


def _put(parcel: Parcel, url: str, token: str) -> Tuple[int, bool]:
    """Return the status of a PUT, and whether the file was sent: a server that redirects is not sent it."""
    here = url
    for _ in range(MOST_REDIRECTS + 1):
        reply = expecting.put(parcel, here, _authorization(url, here, token))
        if reply.status not in REDIRECTS or "location" not in reply.headers:
            return reply.status, reply.sent
        here = urljoin(here, reply.headers["location"])
    raise UploadError("PUT of {} was redirected more than {} times".format(_shown(url), MOST_REDIRECTS))


def _verify(parcel: Parcel, url: str, token: str, status: int) -> None:
    if status not in STORED:
        raise _refusal(status)("PUT of {} was answered {}".format(_shown(url), status))
    reply = _call("HEAD", url, parcel, token, {"Want-Digest": "adler32"})
    if reply.status != HTTPStatus.OK:
        raise UploadError("HEAD of {} was answered {}".format(_shown(url), reply.status))
    length = reply.headers.get("content-length", "")
    compare(int(length) if length.isdigit() else None, _adler32(reply.headers), parcel, _shown(url))


def _refusal(status: int) -> Type[UploadError]:
    """Tell a token that is refused from all else that goes wrong: its owner can mend that."""
    return AccessRefusedError if status in NO_RIGHT else UploadError


def _adler32(headers: Dict[str, str]) -> Optional[str]:
    """Return the Adler-32 of a Digest header (RFC 3230), which some servers write without leading zeros."""
    for digest in headers.get("digest", "").split(","):
        name, _, value = digest.strip().partition("=")
        if name.lower() == "adler32" and value:
            return value.strip('"').lower().rjust(8, "0")
    return None


def _make_collections(parcel: Parcel, url: str, token: str) -> None:
    """Make a collection, after those above it where they are missing too."""
    path = urlsplit(url).path
    if path in {"", "/"}:
        raise UploadError("{} has no collections".format(_shown(url)))
    reply = _call("MKCOL", url + "/", parcel, token)
    if reply.status in NO_PARENT:
        _make_collections(parcel, posixpath.dirname(url), token)
        reply = _call("MKCOL", url + "/", parcel, token)
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # Some servers fail at one of two who make the same at once; asked again, they say that it is there.
        reply = _call("MKCOL", url + "/", parcel, token)
    # 405: it is there already, perhaps since another job made it a moment ago.
    if reply.status not in STORED | {405}:
        raise _refusal(reply.status)("MKCOL of {} was answered {}".format(_shown(url), reply.status))


def _clean(parcel: Parcel, target: Target) -> None:
    """Delete what a failed upload has left; it fails for its own reason, not for this."""
    try:
        remove(parcel, target)
    except UploadError as error:
        say("what is left of {} stays: {}".format(parcel.output.name, error))


def _call(method: str, url: str, parcel: Parcel, token: str, headers: Optional[Dict[str, str]] = None) -> web.Reply:
    """Make a call without a body and follow its redirects."""
    here = url
    for _ in range(MOST_REDIRECTS + 1):
        sent = dict(headers or {}, **_authorization(url, here, token))
        try:
            reply = web.exchange(method, here, None, sent, CALL_SECONDS, parcel.ca_path)
        except web.UnreachableError as error:
            raise UploadError("{}: {}".format(method, error)) from error
        if reply.status not in REDIRECTS or "location" not in reply.headers:
            return reply
        here = urljoin(here, reply.headers["location"])
    raise UploadError("{} of {} was redirected more than {} times".format(method, _shown(url), MOST_REDIRECTS))


def _authorization(first: str, here: str, token: str) -> Dict[str, str]:
    """Return the header with the token, which goes to the host it was meant for and to no other."""
    same = urlsplit(first)[:2] == urlsplit(here)[:2]
    return {"Authorization": "Bearer " + token} if token and same else {}


def _https(url: str) -> str:
    """Return an URL as HTTP knows it; davs is what grids call https with WebDAV."""
    scheme, separator, rest = url.partition("://")
    return {"davs": "https", "dav": "http"}.get(scheme, scheme) + separator + rest


def _shown(url: str) -> str:
    """Return an URL without its query, where some storages carry credentials."""
    return urlunsplit(urlsplit(url)._replace(query="", fragment=""))

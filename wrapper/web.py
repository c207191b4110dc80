"""One HTTP request and its reply, over TLS that is always verified."""

import functools
import http.client
import os
import ssl
from typing import Dict, NamedTuple, Optional
from urllib.parse import SplitResult, urlsplit

REPLY_LIMIT_BYTES = 64 * 1024 * 1024
CERTIFICATE_DIRECTORIES = (
    "/etc/grid-security/certificates",
    "/cvmfs/oasis.opensciencegrid.org/mis/certificates",
    "/cvmfs/grid.cern.ch/etc/grid-security/certificates",
)


class UnreachableError(Exception):
    """No reply came, or not a whole one."""


class Reply(NamedTuple):
    """What came back; the names of the headers are in lower case."""

    status: int
    headers: Dict[str, str]
    body: bytes


def certificate_directory() -> str:
    """Return the directory of CA certificates that the node names or is known to have, or nothing."""
    named = [os.environ.get("X509_CERT_DIR", ""), os.environ.get("SSL_CERT_DIR", "")]
    return next((path for path in named + list(CERTIFICATE_DIRECTORIES) if path and os.path.isdir(path)), "")


@functools.lru_cache(maxsize=None)
def tls(ca_path: str = "") -> ssl.SSLContext:
    """Make a verifying context that trusts the given file or directory, or else what the node trusts."""
    if ca_path and os.path.isdir(ca_path):
        return ssl.create_default_context(capath=ca_path)
    if ca_path:
        return ssl.create_default_context(cafile=ca_path)
    context = ssl.create_default_context()
    directory = certificate_directory()
    if directory:
        context.load_verify_locations(capath=directory)
    return context


def connection(parts: SplitResult, timeout_seconds: float, ca_path: str = "") -> http.client.HTTPConnection:
    """Make the connection that an http or https URL asks for; nothing is sent yet."""
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=timeout_seconds)
    return http.client.HTTPSConnection(host, parts.port, timeout=timeout_seconds, context=tls(ca_path))


def target(parts: SplitResult) -> str:
    """Return what stands in the request line for a URL."""
    return (parts.path or "/") + ("?" + parts.query if parts.query else "")


def exchange(
    method: str,
    url: str,
    body: Optional[bytes],
    headers: Dict[str, str],
    timeout_seconds: float,
    ca_path: str = "",
) -> Reply:
    """Send one request and read its reply, whatever its status; raise UnreachableError when none came."""
    parts = urlsplit(url)
    try:
        link = connection(parts, timeout_seconds, ca_path)
        try:
            link.request(method, target(parts), body, dict(headers, Connection="close"))
            reply = link.getresponse()
            return Reply(reply.status, lowered(reply.msg), reply.read(REPLY_LIMIT_BYTES))
        finally:
            link.close()
    except (OSError, http.client.HTTPException, ssl.CertificateError) as error:  # the last is no OSError in 3.6
        raise UnreachableError("{}: {}".format(parts.netloc, describe(error))) from error


def lowered(message: http.client.HTTPMessage) -> Dict[str, str]:
    """Return headers by their names in lower case."""
    return {name.lower(): value for name, value in message.items()}


def describe(error: Exception) -> str:
    """Say an error in one line; some of them are silent."""
    return "{}: {}".format(type(error).__name__, error) if str(error) else type(error).__name__

"""The proof that a request was made on this machine, by a program and not by a web page."""

import ipaddress
from urllib.parse import urlsplit

from fastapi import Request

from engine.errors import NotAllowed

_NAMES = frozenset({"localhost"})


def require(request: Request) -> None:
    """Raise `NotAllowed` for a request from elsewhere.

    The names in `Host` and `Origin` are checked too: a page of a foreign site may make a browser on this machine send
    requests here, under a name of its own that it has turned to 127.0.0.1.
    """
    if request.client is None or not is_loopback(request.client.host):
        raise NotAllowed("Until there is sign-in, this service answers only programs on its own machine.")
    for header, value in (("Host", f"//{request.headers.get('host', '')}"), ("Origin", request.headers.get("origin"))):
        if value is not None and not is_loopback(_hostname(value)):
            raise NotAllowed(f"The request's {header} is not this machine: use http://127.0.0.1 or http://localhost.")


def is_loopback(host: str) -> bool:
    """Say whether a name or address stands for this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in _NAMES


def _hostname(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""

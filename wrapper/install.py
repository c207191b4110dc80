"""Puts the helper commands and what they need into the home of a jobscript."""

import hashlib
import json
import pkgutil
from typing import NamedTuple
from urllib.parse import urlsplit

from wrapper.workspace import Workspace, write_private

COMMANDS = {
    "justin-get-file": "justin-get-file",
    "justin-allocated-files": "justin-allocated-files",
    "pdjson2metadata": "pdjson2metadata.py",
}
PARTS = ("ask", "call.sh", "call.py")
BLOCK_BYTES = 64


class Access(NamedTuple):
    """How a jobscript reaches the allocator."""

    url: str
    jobsub_id: str
    secret: str
    ca_path: str
    clock_offset_seconds: int
    timestamp: int
    """When the jobscript starts, in unix seconds."""
    wall_seconds: int
    """How long it may run."""


def install(workspace: Workspace, access: Access) -> None:
    """Write the helper commands, their configuration, and the two pads of the jobscript's secret."""
    for name, part in COMMANDS.items():
        path = workspace.home / name
        path.write_bytes(_part(part))
        path.chmod(0o755)
    for name in PARTS:
        write_private(workspace, name, _part(name))
    write_private(workspace, "call.json", configuration(access))
    write_private(workspace, "ipad", pad(access.secret, 0x36))
    write_private(workspace, "opad", pad(access.secret, 0x5C))


def configuration(access: Access) -> bytes:
    """Return the helper commands' JSON file: a key on each line, so that a shell can read it too."""
    told = dict(access._asdict(), path=urlsplit(access.url).path)
    return json.dumps(told, indent=1).encode("ascii")


def pad(secret: str, mask: int) -> bytes:
    """Return one of the two blocks that HMAC (RFC 2104) makes of its key."""
    key = secret.encode("ascii")
    if len(key) > BLOCK_BYTES:
        key = hashlib.sha256(key).digest()
    return bytes(byte ^ mask for byte in key.ljust(BLOCK_BYTES, b"\0"))


def _part(name: str) -> bytes:
    content = pkgutil.get_data("wrapper", "commands/" + name)
    if content is None:
        raise FileNotFoundError("the wrapper was built without commands/" + name)
    return content

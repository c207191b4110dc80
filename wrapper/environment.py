"""The environment that a jobscript sees."""

import re
from typing import Any, Dict, List, Mapping, NamedTuple, Tuple

from wrapper.gpus import Gpu
from wrapper.job import Job
from wrapper.log import say

MIB = 1024 * 1024
NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "USER", "LOGNAME")
"""What a jobscript that runs outside a container takes over from the node."""


class Place(NamedTuple):
    """Where the jobscript runs, with paths as it sees them."""

    home: str
    contained: bool
    certificate_directory: str
    token_file: str


def contract(job: Job, work: Mapping[str, Any], place: Place, gpus: List[Gpu], started_at: int) -> Dict[str, str]:
    """Return what every jobscript is promised; the user's own variables come first, so the system's win."""
    # Without PYTHONUNBUFFERED, Python would keep its last output to itself when the wall time ends.
    values = {"TZ": "UTC", "PYTHONUNBUFFERED": "1"}
    values.update(_of_the_user(work["environment"]))
    values.update(
        {
            "HOME": place.home,
            "RUCIO_ACCOUNT": "justinreadonly",
            "JUSTIN_ALLOCATOR": job.allocator_url,
            "JUSTIN_SITE_NAME": str(work["site_name"]),
            "JUSTIN_SCOPE": str(work["scope"]),
            "JUSTIN_MQL": str(work["mql"]),
            "JUSTIN_WORKFLOW_ID": str(work["workflow_id"]),
            "JUSTIN_STAGE_ID": str(work["stage_id"]),
            "JUSTIN_PROCESSORS": str(work["requested_processors"]),
            "JUSTIN_RSS_MIB": str(int(work["requested_rss_bytes"]) // MIB),
            "JUSTIN_WALL_SECONDS": str(work["requested_wall_seconds"]),
            "JUSTIN_JOBSUB_ID": job.jobsub_id,
            "JUSTIN_TIMESTAMP": str(started_at),
            "JUSTIN_JOBSCRIPT_SECRET": str(work["jobscript_secret"]),
            "JUSTIN_SAM_WEB_URI": str(work["sam_web_uri"]),
            "JUSTIN_PATH": place.home,
        }
    )
    values.update(_credentials(place))
    values.update(_devices(place, gpus))
    return values


def outside(node: Mapping[str, str], scratch: str) -> Dict[str, str]:
    """Return what a jobscript outside a container finds besides: a small clean set of the node's own.

    The pilot's proxy and tokens are not in it. Variables of the user may replace these.
    """
    values = {name: node[name] for name in KEPT if name in node}
    values.setdefault("PATH", "/usr/local/bin:/usr/bin:/bin")
    values.setdefault("LANG", "C.UTF-8")
    values["TMPDIR"] = scratch
    return values


def _of_the_user(pairs: List[Tuple[str, str]]) -> Dict[str, str]:
    """Take over the user's variables; a name that is none cannot be set in every shell, so it is set in none."""
    broken = [name for name, value in pairs if "\0" in value]
    if broken:
        raise ValueError("an environment variable cannot hold a NUL character: {}".format(broken))
    for name, _ in pairs:
        if not NAME.match(name):
            say("{!r} is no name of an environment variable".format(name))
    return {name: value for name, value in pairs if NAME.match(name)}


def _credentials(place: Place) -> Dict[str, str]:
    values = {}
    if place.certificate_directory:
        values["SSL_CERT_DIR"] = place.certificate_directory
        values["X509_CERT_DIR"] = place.certificate_directory
    if place.token_file:
        values["BEARER_TOKEN_FILE"] = place.token_file
    return values


def _devices(place: Place, gpus: List[Gpu]) -> Dict[str, str]:
    if not gpus:
        # Outside a container, CUDA would let the jobscript use every GPU of the node.
        return {} if place.contained else {"CUDA_VISIBLE_DEVICES": ""}
    values = {"CUDA_VISIBLE_DEVICES": ",".join(gpu.uuid for gpu in gpus)}
    if place.contained:
        values["LD_LIBRARY_PATH"] = "/.singularity.d/libs"
    return values


def encoded(values: Mapping[str, str]) -> Dict[bytes, bytes]:
    """Return an environment as the system wants it: in UTF-8 whatever the node's locale says, and byte for byte."""
    return {_bytes(name): _bytes(value) for name, value in values.items()}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

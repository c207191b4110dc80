"""What the job factory gave the job: who it is, whom it asks, and its secret."""

import json
import os
import re
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Sequence

SECRET = re.compile(r"^[0-9a-f]{64}$")

SETTINGS = (
    "instance",
    "ca_path",
    "heartbeat_seconds",
    "grace_seconds",
    "start_delay_seconds",
    "code_wait_seconds",
    "required_paths",
)


class BadOrderError(Exception):
    """The files that came with the job do not say what it needs."""


class Job(NamedTuple):
    """The identity of a job, and the settings that came with it."""

    jobsub_id: str
    allocator_url: str
    secret: str
    instance: str = ""
    ca_path: str = ""
    heartbeat_seconds: Optional[float] = None
    grace_seconds: float = 10.0
    start_delay_seconds: float = 0.0
    code_wait_seconds: float = 600.0
    required_paths: Sequence[str] = ()
    """What a node must have mounted for any job to be of use there."""


def read(path: Path) -> Job:
    """Read `job.json` and the `job.secret` beside it, and delete the secret from disk before anything else runs."""
    secret = _take_secret(path.parent / "job.secret")
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        jobsub_id = str(told.get("jobsub_id") or os.environ["JUSTIN_JOBSUB_ID"])
        allocator_url = str(told["allocator_url"])
    except KeyError as missing:
        raise BadOrderError("{} does not say {}".format(path, missing)) from missing
    except (ValueError, AttributeError) as error:
        raise BadOrderError("{} is not a JSON object: {}".format(path, error)) from error
    settings: Dict[str, Any] = {name: told[name] for name in SETTINGS if told.get(name) is not None}
    if settings.get("ca_path"):
        settings["ca_path"] = str(path.parent / settings["ca_path"])
    return Job(jobsub_id, allocator_url.rstrip("/") + "/", secret, **settings)


def _take_secret(path: Path) -> str:
    secret = path.read_text(encoding="ascii").strip()
    path.unlink()
    if not SECRET.match(secret):
        raise BadOrderError("{} did not hold 64 hex digits".format(path))
    return secret

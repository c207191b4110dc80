"""A job that calls the allocator as the wrapper does: every request signed."""

import json
import secrets
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx

from engine import signing
from engine.signing import SignedRequest
from models.jobs import Job

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC).isoformat()
REPORT: dict[str, Any] = {
    "jobscript_exit": 0,
    "jobscript_start": NOW,
    "jobscript_finish": NOW,
    "real_seconds": 12.5,
    "cpu_seconds": 11.0,
    "max_rss_bytes": 1000,
    "jobscript_log": "the end\n",
}
"""What a job says of a jobscript that went well and made nothing."""

FOR_JOBSCRIPTS = frozenset({"get_file", "get_allocated_files"})


@dataclass(frozen=True, slots=True)
class SignedJob:
    """A job's names and secrets, and where its allocator is."""

    url: str
    jobsub_id: str
    secret: str
    jobscript_secret: str
    clock_seconds: float = 0.0
    """How far its clock is ahead."""

    @classmethod
    def of(cls, url: str, job: Job) -> "SignedJob":
        """Make one of a row of the database."""
        return cls(url, job.jobsub_id, job.secret, job.jobscript_secret)

    def call(self, method: str, /, **message: Any) -> httpx.Response:
        """Make a call."""
        return send(self.url, self.signed(method, json.dumps(message).encode()))

    def signed(self, method: str, body: bytes = b"{}") -> SignedRequest:
        """Sign a call without making it."""
        now = str(int(time.time() + self.clock_seconds))
        path = f"/api/allocator/{method}"
        request = SignedRequest("POST", path, self.jobsub_id, now, secrets.token_hex(16), "", body)
        secret = self.jobscript_secret if method in FOR_JOBSCRIPTS else self.secret
        return replace(request, signature=signing.sign(secret, request))


def send(url: str, request: SignedRequest) -> httpx.Response:
    """Send a request as it is."""
    headers = {
        "Content-Type": "application/json",
        "X-Justin-Job": request.jobsub_id,
        "X-Justin-Time": request.time,
        "X-Justin-Nonce": request.nonce,
        "X-Justin-Signature": request.signature,
    }
    return httpx.post(f"{url}{request.path}", content=request.body, headers=headers, timeout=60)

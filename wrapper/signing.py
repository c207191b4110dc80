"""How a call is signed; `docs/developer/protocol.md` says the same in words."""

import hashlib
import hmac
import os
from typing import Dict


def headers(jobsub_id: str, secret: str, path: str, body: bytes, unix_seconds: int) -> Dict[str, str]:
    """Sign one POST: each call makes a new nonce, so a repetition is signed anew."""
    nonce = os.urandom(16).hex()
    text = "\n".join(["POST", path, str(unix_seconds), nonce, hashlib.sha256(body).hexdigest()])
    return {
        "X-Justin-Job": jobsub_id,
        "X-Justin-Time": str(unix_seconds),
        "X-Justin-Nonce": nonce,
        "X-Justin-Signature": hmac.new(secret.encode("ascii"), text.encode("ascii"), hashlib.sha256).hexdigest(),
    }

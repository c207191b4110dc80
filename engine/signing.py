"""The signatures of jobs' requests, as docs/developer/protocol.md writes them down."""

import hashlib
import hmac
import re
from dataclasses import dataclass

from engine.errors import ClockSkew, SignatureInvalid

_JOBSUB_ID = re.compile(r"[!-~]{1,255}")
_NONCE = re.compile(r"[0-9a-f]{32}")
_TIME = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it arrived; nothing of it is to be believed before `verify`."""

    method: str
    path: str
    jobsub_id: str
    time: str
    nonce: str
    signature: str
    body: bytes


def sign(secret: str, request: SignedRequest) -> str:
    """Return the signature that the request must carry, in hex."""
    digest = hashlib.sha256(request.body).hexdigest()
    text = f"{request.method}\n{request.path}\n{request.time}\n{request.nonce}\n{digest}"
    return hmac.new(secret.encode("ascii"), text.encode(), hashlib.sha256).hexdigest()


def is_jobsub_id(text: str) -> bool:
    """Say whether a job could have that name."""
    return bool(_JOBSUB_ID.fullmatch(text))


def check_form(request: SignedRequest) -> None:
    """Raise `SignatureInvalid` for headers that no signed request has, before they reach the database."""
    fields = ((_JOBSUB_ID, request.jobsub_id), (_NONCE, request.nonce), (_TIME, request.time))
    if not all(form.fullmatch(text) for form, text in fields):
        raise SignatureInvalid


def verify(secret: str, request: SignedRequest, now_seconds: float, window_seconds: float) -> None:
    """Raise `SignatureInvalid` unless the secret's holder sent it, and `ClockSkew` unless it is recent.

    Only a holder of the secret learns that its clock is wrong. That the nonce is new is for the database to say.
    """
    check_form(request)
    if not hmac.compare_digest(sign(secret, request).encode(), request.signature.encode(errors="replace")):
        raise SignatureInvalid
    skew_seconds = now_seconds - int(request.time)
    if abs(skew_seconds) > window_seconds:
        raise ClockSkew(
            f"The request's time is {abs(skew_seconds):.0f} s off the server's; it may be {window_seconds:.0f} s off."
        )


def same(secret: str, given: str) -> bool:
    """Compare secrets in a time that does not tell how much of them is right."""
    return hmac.compare_digest(secret.encode(), given.encode(errors="replace"))

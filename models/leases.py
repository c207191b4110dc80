"""Leases: who works on what for a while; they run out by themselves when their holder dies."""

from models.database import Session
from models.statements import load

_TAKE = load("take_lease")
_RENEW = load("renew_lease")
_RELEASE = load("release_lease")
_CLEAN = load("clean_leases")


def take(session: Session, name: str, holder: str, seconds: float) -> bool:
    """Take a lease for a while, counted from now; False when another holds it.

    It is held once the transaction has committed. The holder of a lease may take it again.
    """
    return bool(_TAKE.run(session, name=name, holder=holder, seconds=float(seconds)))


def renew(session: Session, name: str, holder: str, seconds: float) -> bool:
    """Hold a lease for a while from now; False when it is no longer the holder's."""
    return bool(_RENEW.run(session, name=name, holder=holder, seconds=float(seconds)))


def release(session: Session, name: str, holder: str) -> bool:
    """Give a lease back; False when it was not the holder's."""
    return bool(_RELEASE.run(session, name=name, holder=holder))


def clean(session: Session) -> int:
    """Drop the leases that ran out, and return how many."""
    return len(_CLEAN.run(session))

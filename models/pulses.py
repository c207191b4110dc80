"""How outside services answered when they were last tried."""

from dataclasses import dataclass

from models.database import Session
from models.statements import load

_PUT_PULSE = load("put_pulse")
_PULSE = load("pulse")


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a service answered; in seconds how long it took, or until it was given up."""

    answered: bool
    seconds: float
    problem: str = ""


def put(session: Session, service: str, pulse: Pulse) -> None:
    """Note how a service answered just now."""
    _PUT_PULSE.run(session, service=service, answered=pulse.answered, seconds=pulse.seconds, problem=pulse.problem)


def newest(session: Session, service: str, max_age_seconds: float) -> Pulse | None:
    """Return how a service answered; None when nobody has tried for so long."""
    rows = _PULSE.run(session, service=service, max_age_seconds=max_age_seconds)
    return Pulse(*rows[0]) if rows else None

"""How much is due: small numbers, asked for often."""

from models.database import Session
from models.statements import load

_DUE_OUTPUTS = load("due_outputs")
_UNKNOWN_PLACES = load("unknown_places")

MOST = 1000


def outputs(session: Session, most: int = MOST) -> int:
    """Count the outputs that the catalogues are to be told of now, up to so many."""
    count: int = _DUE_OUTPUTS.one(session, most=most)[0]
    return count


def unknown_places(session: Session) -> tuple[bool, bool]:
    """Say whether nobody has told of entries yet, and of storages."""
    entries, storages = _UNKNOWN_PLACES.one(session)
    return entries, storages

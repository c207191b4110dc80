"""What persons decide about sites and storages."""

from engine import rights
from engine.errors import NotFound
from engine.rights import Act, Caller
from justin.schemas.specs import DistanceChange
from models import distances
from models.database import Session


def set_distance(session: Session, caller: Caller, change: DistanceChange) -> None:
    """Set how far a storage is from a site; it stays until it is given back to the rules."""
    rights.check(caller, Act.CHANGE_PLACES)
    because = caller.because(change.reason)
    if not distances.set_by_hand(session, change.site, change.rse, change.distance, because):
        raise NotFound(f"There is no site {change.site}, or no storage {change.rse}.")

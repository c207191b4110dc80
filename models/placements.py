"""Placements: the sets of storages from which files can be read."""

from collections.abc import Iterable, Sequence

from models.database import Session
from models.statements import load

_ENSURE = load("ensure_placement")
_ENSURE_ALL = load("ensure_placements")
_PLACE_FILES = load("place_files")


def ensure(session: Session, stage_id: int, storage_ids: Iterable[int]) -> int:
    """See that a placement exists and that the stage knows it, and return its key."""
    (placement_id,) = _ENSURE.ids(session, stage_id=stage_id, storage_ids=sorted(set(storage_ids)))
    return placement_id


def ensure_all(session: Session, file_ids: Sequence[int]) -> None:
    """See that there is a placement for each set of storages from which any of the files can be read."""
    _ENSURE_ALL.run(session, file_ids=list(file_ids))


def place_files(session: Session, file_ids: Sequence[int]) -> list[int]:
    """Note from which storages files can be read, after their replicas have changed; return those that can be read.

    To be called with the files locked.
    """
    ensure_all(session, file_ids)
    return _PLACE_FILES.ids(session, file_ids=list(file_ids))

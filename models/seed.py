"""Rows that everything else refers to: sites, storages, distances, users, groups, quotas and scopes.

Each function makes the row unless it is there, sees that it has the given values, and returns its key.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import column
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import SQLModel

from models.database import Session
from models.people import Group, GroupMember, Quota, Scope, User
from models.places import Distance, Entry, Site, Storage

MONTE_CARLO_STORAGE = "MONTECARLO"
"""Where the counters of Monte Carlo workflows lie: beside every site."""


def ensure_site(session: Session, name: str, **values: object) -> int:
    """See that a site exists; Monte Carlo inputs are always within its reach."""
    site_id = _upsert(session, Site, {"name": name}, values, "site_id")
    ensure_distance(session, site_id, ensure_monte_carlo(session), 0)
    return site_id


def ensure_entry(session: Session, name: str, site_id: int, **values: object) -> int:
    """See that an entry of a site exists."""
    return _upsert(session, Entry, {"name": name}, {"site_id": site_id, **values}, "entry_id")


def ensure_storage(session: Session, name: str, **values: object) -> int:
    """See that a storage exists."""
    return _upsert(session, Storage, {"name": name}, values, "storage_id")


def ensure_monte_carlo(session: Session) -> int:
    """See that the storage of Monte Carlo counters exists; nothing is ever written there."""
    return ensure_storage(session, MONTE_CARLO_STORAGE, rucio_write=False, enabled_write=False)


def ensure_distance(session: Session, site_id: int, storage_id: int, distance: int, *, by_hand: bool = False) -> None:
    """Set how far a storage is from a site: 0 is beside it, 100 the far end, 101 never."""
    key = {"site_id": site_id, "storage_id": storage_id}
    _upsert(session, Distance, key, {"distance": distance, "by_hand": by_hand}, "distance")


def ensure_user(session: Session, name: str, **values: object) -> int:
    """See that a user exists."""
    return _upsert(session, User, {"name": name}, values, "user_id")


def ensure_group(session: Session, name: str) -> int:
    """See that a group exists."""
    return _upsert(session, Group, {"name": name}, {}, "group_id")


def ensure_member(session: Session, group_id: int, user_id: int) -> None:
    """See that a user is in a group."""
    _upsert(session, GroupMember, {"group_id": group_id, "user_id": user_id}, {}, "group_id")


def ensure_quota(session: Session, name: str, **values: object) -> int:
    """See that a quota exists."""
    return _upsert(session, Quota, {"name": name}, values, "quota_id")


def ensure_scope(session: Session, name: str, quota_id: int, *, enabled: bool = True) -> None:
    """See that a scope exists and belongs to the quota."""
    _upsert(session, Scope, {"name": name}, {"quota_id": quota_id, "enabled": enabled}, "quota_id")


def _upsert(
    session: Session, table: type[SQLModel], key: Mapping[str, Any], values: Mapping[str, Any], wanted: str
) -> int:
    row = table(**key, **values).model_dump(exclude_none=True)
    statement = insert(table).values(**row)
    changes = dict(values) or {name: statement.excluded[name] for name in key}
    statement = statement.on_conflict_do_update(index_elements=list(key), set_=changes)
    found: int = session.execute(statement.returning(column(wanted))).scalar_one()
    return found

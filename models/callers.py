"""The people who ask, made known when they first do."""

from dataclasses import dataclass

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from models.database import Session
from models.people import Group, GroupMember, User


@dataclass(frozen=True, slots=True)
class KnownUser:
    """A user with the groups that decide on rights."""

    user_id: int
    name: str
    is_admin: bool
    enabled: bool
    disabled_reason: str
    groups: frozenset[str]


def known_user(session: Session, name: str) -> KnownUser:
    """Find the user, or make one of that name; two first calls at once make one user."""
    user = session.exec(select(User).where(User.name == name)).one_or_none()
    if user is None:
        session.exec(insert(User).values(name=name).on_conflict_do_nothing())
        user = session.exec(select(User).where(User.name == name)).one()
    assert user.user_id is not None  # noqa: S101  it was read from the database
    return KnownUser(
        user.user_id, user.name, user.is_admin, user.enabled, user.disabled_reason, _groups(session, user.user_id)
    )


def _groups(session: Session, user_id: int) -> frozenset[str]:
    memberships = select(Group.name).join(GroupMember).where(col(GroupMember.user_id) == user_id)
    return frozenset(session.exec(memberships).all())

"""Who may do what: the one table of acts and roles."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from engine.errors import NotAllowed
from justin.states import Source
from models.moves import Reason


@dataclass(frozen=True, slots=True)
class Caller:
    """The person who asks."""

    user_id: int
    name: str
    groups: frozenset[str] = frozenset()
    is_admin: bool = False
    source: Source = Source.API
    """By which way the person asks."""

    def because(self, message: str = "", details: Mapping[str, Any] | None = None) -> Reason:
        """Say that the caller did it, and why."""
        return Reason(self.name, message, details or {}, source=self.source)


class Role(StrEnum):
    """What a caller is to the thing that an act is about."""

    ADMIN = "admin"
    OWNER = "owner"
    MEMBER = "member"
    """Of the group behind the scope's quota, or anyone where there is no such group."""
    ANYONE = "anyone"


class Act(StrEnum):
    """What a caller wants to do."""

    VIEW = "view"
    CREATE_WORKFLOW = "create a workflow in this scope"
    CHANGE_WORKFLOW = "change this workflow"
    CREATE_CAMPAIGN = "create a campaign"
    USE_CAMPAIGN = "put workflows into this campaign"
    CHANGE_PLACES = "change sites and storages"


ALLOWED: Final[Mapping[Act, frozenset[Role]]] = {
    Act.VIEW: frozenset({Role.ANYONE}),
    Act.CREATE_WORKFLOW: frozenset({Role.ADMIN, Role.MEMBER}),
    Act.CHANGE_WORKFLOW: frozenset({Role.ADMIN, Role.OWNER}),
    Act.CREATE_CAMPAIGN: frozenset({Role.ANYONE}),
    Act.USE_CAMPAIGN: frozenset({Role.ADMIN, Role.OWNER}),
    Act.CHANGE_PLACES: frozenset({Role.ADMIN}),
}


def check(caller: Caller, act: Act, *, owner_id: int | None = None, group: str | None = "") -> None:
    """Raise `NotAllowed` unless one of the caller's roles may do it.

    `group` is the group of the thing's quota: None where everybody is a member, empty where there is no such question.
    """
    roles = _roles(caller, owner_id, group)
    if not roles & ALLOWED[act]:
        allowed = " or ".join(sorted(ALLOWED[act]))
        raise NotAllowed(
            f"You ({caller.name}) may not {act}: that takes the {allowed}{f' of {group}' if group else ''}."
        )


def _roles(caller: Caller, owner_id: int | None, group: str | None) -> set[Role]:
    roles = {Role.ANYONE}
    if caller.is_admin:
        roles.add(Role.ADMIN)
    if owner_id == caller.user_id:
        roles.add(Role.OWNER)
    if group is None or group in caller.groups:
        roles.add(Role.MEMBER)
    return roles

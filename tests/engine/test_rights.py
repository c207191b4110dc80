"""The table of acts and roles decides."""

import pytest

from engine import rights
from engine.errors import NotAllowed
from engine.rights import Act, Caller

ALICE = Caller(1, "alice")
ADMIN = Caller(2, "root", is_admin=True)
MEMBER = Caller(3, "bob", frozenset({"/dune/production"}))


def test_every_act_has_its_roles() -> None:
    assert set(rights.ALLOWED) == set(Act)


def test_only_owner_and_admin_change_a_workflow() -> None:
    rights.check(ALICE, Act.CHANGE_WORKFLOW, owner_id=1)
    rights.check(ADMIN, Act.CHANGE_WORKFLOW, owner_id=1)
    with pytest.raises(NotAllowed, match="bob"):
        rights.check(MEMBER, Act.CHANGE_WORKFLOW, owner_id=1)


def test_a_scope_with_a_group_is_for_its_members() -> None:
    rights.check(MEMBER, Act.CREATE_WORKFLOW, group="/dune/production")
    rights.check(ADMIN, Act.CREATE_WORKFLOW, group="/dune/production")
    with pytest.raises(NotAllowed, match="/dune/production"):
        rights.check(ALICE, Act.CREATE_WORKFLOW, group="/dune/production")


def test_a_scope_without_a_group_is_for_everybody() -> None:
    rights.check(ALICE, Act.CREATE_WORKFLOW, group=None)

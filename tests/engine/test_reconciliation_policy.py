"""The operator's guide says what the reconciler does, as the code has it."""

from pathlib import Path

from engine.reconciliation_policy import POLICIES
from justin.states import FindingKind

PAGE = Path(__file__).parents[2] / "docs/operator/integrity.md"


def test_every_kind_of_damage_has_a_policy_that_the_guide_shows() -> None:
    assert set(POLICIES) == set(FindingKind)
    page = PAGE.read_text(encoding="utf-8")
    rows = [f"| `{kind}` | {each.repair or 'reported'} | {each.remedy} |" for kind, each in POLICIES.items()]
    assert [row for row in rows if row not in page] == []

"""What MetaCat's categories forbid; that its server judges alike is shown in the contracts."""

from typing import Any

from engine.adapters import metacat_rules


def category(path: str, **values: Any) -> dict[str, Any]:
    return {"path": path, "restricted": False, "required": False, "definitions": {}} | values


def test_the_deepest_category_rules() -> None:
    categories = [
        category(".", restricted=True),
        category("core"),
        category("core.run", restricted=True, definitions={"type": {"values": ["mc"]}}),
    ]
    assert metacat_rules.problems({"core.any": 1, "core.other.any": 1, "core.run.type": "mc"}, categories) == []
    (value,) = metacat_rules.problems({"core.run.type": "data"}, categories)
    assert "'core.run.type' is against MetaCat's category 'core.run'" in value
    (name,) = metacat_rules.problems({"other.any": 1}, categories)
    assert "not allowed in restricted category" in name


def test_what_is_required_is_missed() -> None:
    definitions = {"tier": {"required": True}, "type": {}}
    categories = [category("core", required=True, definitions=definitions)]
    assert "MetaCat requires the key 'core.tier'" in metacat_rules.problems({"core.type": 1}, categories)
    assert metacat_rules.problems({}, categories) == ["MetaCat requires the key 'core.tier'"]
    assert metacat_rules.problems({"core.tier": 1}, categories) == []


def test_without_categories_all_goes() -> None:
    assert metacat_rules.problems({"a.b": 1}, []) == []

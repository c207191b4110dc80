"""Metadata is refused for what MetaCat would refuse, by the server and by the command alike."""

import json
from pathlib import Path
from typing import Any

import pytest

from justin.schemas import metadata
from tests.justin.conftest import Run


def problems(document: dict[str, Any] | None, parents: list[dict[str, Any]] | None = None) -> str:
    return " ".join(metadata.check("a.root.json", document, parents).problems)


def test_keys_become_lower_case_and_values_stay() -> None:
    checked = metadata.check("a.root.json", {"Core.Run_Type": "X", "dune.dict": {"A": [1, 2.5, None, True]}}, None)
    assert checked.metadata == {"core.run_type": "X", "dune.dict": {"A": [1, 2.5, None, True]}}
    assert checked.problems == ()


@pytest.mark.parametrize("key", ["run", "", ".run", "core.", "...x", " core.run"])
def test_a_key_without_a_category_is_refused(key: str) -> None:
    assert "has no category" in problems({key: 1})


def test_a_key_that_is_there_twice_is_refused() -> None:
    assert "there twice" in problems({"core.run": 1, "Core.Run": 2})


@pytest.mark.parametrize("value", ["a\x00b", {"a": ["\x00"]}, {"\x00": 1}])
def test_a_nul_character_is_refused_wherever_it_is(value: Any) -> None:
    assert "NUL" in problems({"core.x": value})


@pytest.mark.parametrize("value", [float("nan"), [float("inf")]])
def test_a_number_that_is_none_is_refused(value: Any) -> None:
    assert "JSON cannot hold" in problems({"core.x": value})


def test_what_is_nested_too_deep_is_refused() -> None:
    nested: Any = 1
    for _ in range(100):
        nested = [nested]
    assert "nested" in problems({"core.x": nested})


def test_too_much_is_refused() -> None:
    assert "larger than" in problems({"core.x": "x" * 2_000_000})


def test_each_form_of_a_parent_is_understood() -> None:
    forms = [{"did": "a:1"}, {"namespace": "b", "name": "2"}, {"fid": "Xy-_9"}]
    found = metadata.check("a.root.json", None, forms).parents
    assert found is not None
    assert (set(found.dids), set(found.fids)) == ({"a:1", "b:2"}, {"Xy-_9"})


@pytest.mark.parametrize(
    "parent", [{}, {"did": "nocolon"}, {"did": "a:b", "fid": "c"}, {"name": "x"}, {"fid": "a b"}, {"did": 1}]
)
def test_another_form_of_a_parent_is_refused(parent: dict[str, Any]) -> None:
    assert "is not of the form" in problems(None, [parent])


@pytest.mark.parametrize("parents", [None, []])
def test_no_parents_named_means_the_processed_inputs(parents: list[dict[str, Any]] | None) -> None:
    assert metadata.check("a.root.json", {}, parents).parents is None


def test_a_key_that_is_too_long_is_refused() -> None:
    assert "longer than" in problems({f"core.{'x' * 300}": 1})


def test_a_number_that_would_become_infinity_is_refused() -> None:
    assert "too large" in problems({"core.x": 10**400})
    assert not problems({"core.x": 2**64})


def test_half_a_character_is_refused() -> None:
    assert "half a character" in problems({"core.x": "\ud83d"})


def test_keys_of_the_system_are_remarked_upon() -> None:
    checked = metadata.check("a.root.json", {"Dune.Workflow": {}, "core.x": 1}, None)
    assert not checked.problems
    assert "'dune.workflow' is the system's own" in checked.remarks[0]


WRONG = {
    b'{"metadata": {"core.x": 1, "core.x": 2}}': "'core.x' is there twice",
    b'{"metadata": {"core.x": NaN}}': "NaN is no number",
    b'{"metadata": {"core.x": 1e999}}': "JSON cannot hold",
    b'{"metadata": {"core.x": "\xff"}}': "utf-8",
    b'{"metadata": {"core.x": "\\ud83d"}}': "half a character",
    b'{"metadata": []}': "not of the form",
    b"[]": "not of the form",
    b"{": "Expecting",
    b'{"parents": {}}': "",
    b'{"parents": ["a:b"]}': "list of objects",
    b"[" * 100_000: "nested too deeply",
}


@pytest.mark.parametrize("content", WRONG)
def test_a_file_that_cannot_be_taken_is_refused(content: bytes) -> None:
    checked = metadata.check_content("a.root.json", content)
    if WRONG[content]:
        assert WRONG[content] in " ".join(checked.problems)


def test_the_command_needs_no_server(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUSTIN_URL", "http://127.0.0.1:9")
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps({"metadata": {"core.x": 1}, "parents": [{"did": "a:b"}]}))
    bad.write_text('{"metadata": {"nodot": 1}}')
    assert run("check-metadata", good).code == 0
    told = run("check-metadata", good, bad, "--json")
    assert told.code == 2
    first, second = json.loads(told.out)
    assert (first["good"], first["problems"]) == (True, [])
    assert (second["good"], second["file"]) == (False, str(bad))
    assert "'nodot' has no category" in second["problems"][0]
    assert "no category" in run("check-metadata", bad).out

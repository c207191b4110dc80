"""Metadata is refused for what MetaCat would refuse, and completed with how the file was made."""

from datetime import UTC, datetime
from typing import Any

import pytest

from engine import metadata
from models.reports import Provenance, ReportingJob

START = datetime(2026, 8, 1, 12, tzinfo=UTC)
JOB = ReportingJob("1.0@pool", "UK_Manchester", 1, 504, 77, 2, "usertests", "alice", "node1", "a CPU", "AlmaLinux 9")
PROVENANCE = Provenance(JOB, START, START, 12.5, 11.0, 1000)


def problems(document: dict[str, Any] | None, parents: list[dict[str, Any]] | None = None) -> str:
    return " ".join(metadata.check("a.root", document, parents).problems)


def test_keys_become_lower_case_and_values_stay() -> None:
    checked = metadata.check("a.root", {"Core.Run_Type": "X", "dune.dict": {"A": [1, 2.5, None, True]}}, None)
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
    found = metadata.check("a.root", None, forms).parents
    assert found is not None
    assert (set(found.dids), set(found.fids)) == ({"a:1", "b:2"}, {"Xy-_9"})


@pytest.mark.parametrize(
    "parent", [{}, {"did": "nocolon"}, {"did": "a:b", "fid": "c"}, {"name": "x"}, {"fid": "a b"}, {"did": 1}]
)
def test_another_form_of_a_parent_is_refused(parent: dict[str, Any]) -> None:
    assert "is not of the form" in problems(None, [parent])


@pytest.mark.parametrize("parents", [None, []])
def test_no_parents_named_means_the_processed_inputs(parents: list[dict[str, Any]] | None) -> None:
    assert metadata.check("a.root", {}, parents).parents is None


def test_ours_wins_and_has_the_thirteen_keys() -> None:
    complete = metadata.complete({"core.x": 1, "dune.workflow": "mine"}, PROVENANCE)
    assert complete == {
        "core.x": 1,
        "dune.output_status": "recorded",
        "dune.workflow": {
            "site_name": "UK_Manchester",
            "workflow_id": 504,
            "stage_id": 2,
            "user": "alice",
            "hostname": "node1",
            "jobscript_start": 1785585600,
            "jobscript_finish": 1785585600,
            "jobscript_real_seconds": 12.5,
            "jobscript_cpu_seconds": 11.0,
            "jobscript_max_rss_bytes": 1000,
            "cpuinfo": "a CPU",
            "os_release": "AlmaLinux 9",
            "job_id": "1.0@pool",
        },
    }

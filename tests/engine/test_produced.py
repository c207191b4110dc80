"""Outputs are checked against what the stage said of them."""

from typing import Any

from engine import produced
from justin.schemas.jobs import ProducedFile
from models.reports import StagePattern

PATTERNS = [StagePattern(10, 1, "*.root", "", None), StagePattern(11, 2, "hist-*.txt", "", 5)]


def check(*files: ProducedFile) -> tuple[list[produced.Produced], list[str]]:
    return produced.check(files, PATTERNS, "usertests")


def file(name: str = "a.root", pattern_id: int = 1, **values: Any) -> ProducedFile:
    return ProducedFile(name=name, pattern_id=pattern_id, size_bytes=1, adler32="00000001", **values)


def test_outputs_get_the_scope_and_their_pattern() -> None:
    outputs, problems = check(file(), file("hist-1.txt", 2))
    assert problems == []
    assert [(output.did, output.pattern.output_id) for output in outputs] == [
        ("usertests:a.root", 10),
        ("usertests:hist-1.txt", 11),
    ]


def test_a_name_reported_twice_is_a_problem() -> None:
    assert check(file(), file())[1] == ["The output a.root is reported 2 times."]


def test_another_pattern_than_the_stage_has_is_a_problem() -> None:
    assert "pattern 3" in check(file(pattern_id=3))[1][0]
    assert "does not match" in check(file(pattern_id=2))[1][0]


def test_metadata_that_metacat_would_refuse_is_a_problem() -> None:
    problems = check(file(metadata={"run": 1}), file("b.root"))[1]
    assert problems == ["a.root.json: the key 'run' has no category: write it as CATEGORY.NAME"]

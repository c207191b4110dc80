"""The statements of `models/sql/`: each says what it is for, and which states it moves."""

import re
from pathlib import Path
from typing import Any

import pytest

from models import moves, statements

STATEMENTS = sorted(statements.DIRECTORY.glob("*.sql"))
MODELS = Path(moves.__file__).parent

# What the functions of moves.py run: they are given the moves as parameters.
GIVEN = {"move_files", "move_jobs", "move_workflows"}
TABLES: dict[str, Any] = {
    "file": moves.FILE_MOVES,
    "job": moves.JOB_MOVES,
    "workflow": moves.WORKFLOW_MOVES,
    "outbox": moves.OUTBOX_MOVES,
    "logs": moves.LOGS_MOVES,
}
MOVE = re.compile(r"^-- moves: (\w+), (\w+) -> (\w+)$", re.MULTILINE)
SETS_STATE = re.compile(r"(\bSET|,)\s+state\s*=")


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: path.stem)
def test_statement_says_what_it_is_for_and_who_calls_it(path: Path) -> None:
    header = [line for line in path.read_text().splitlines() if line.startswith("--")]
    assert len(header) >= 2, "a sentence on what it does, then who calls it and which index it needs"
    assert any("Called by" in line or "Part of" in line for line in header)


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: path.stem)
def test_declared_moves_are_allowed(path: Path) -> None:
    for kind, source, target in MOVE.findall(path.read_text()):
        allowed = {(str(state), str(to)) for state, targets in TABLES[kind].items() for to in targets}
        assert (source, target) in allowed


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: path.stem)
def test_statement_that_sets_a_state_declares_the_move(path: Path) -> None:
    text = path.read_text()
    bare = re.sub(r"--[^\n]*", "", text)
    updates = [part for part in re.split(r"\bUPDATE\b", bare)[1:] if SETS_STATE.search(part.split("WHERE")[0])]
    assert not updates or path.stem in GIVEN or MOVE.search(text)


def test_nothing_but_statements_sets_a_state() -> None:
    assigned = re.compile(r"^\s*\w+\.state = |\.values\([^)]*\bstate\s*=", re.MULTILINE)
    assert [path.name for path in MODELS.rglob("*.py") if assigned.search(path.read_text())] == []

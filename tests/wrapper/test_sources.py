"""What the wrapper's sources may use, and that they run on the oldest Python they are meant for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import wrapper
from tests.support.scripted_allocator import ScriptedAllocator, file_target
from tests.wrapper.conftest import Slot
from wrapper.build import build

PACKAGE = Path(wrapper.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
STANDALONE = {path for path in SOURCES if path.parent.name == "commands"}


def imported(path: Path) -> set[str]:
    """The top-level names that a source imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_only_the_standard_library_is_imported(path: Path) -> None:
    allowed = set(sys.stdlib_module_names) if path in STANDALONE else {*sys.stdlib_module_names, "wrapper"}

    assert imported(path) <= allowed


def test_nothing_is_newer_than_python_3_6() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("vermin"), "--target=3.6-", "--violations", "--no-tips", PACKAGE],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_same_sources_make_the_same_file(tmp_path: Path) -> None:
    assert build(tmp_path / "a.pyz").read_bytes() == build(tmp_path / "b.pyz").read_bytes()


def other_pythons() -> list[str]:
    """Every Python from 3.6 on that this machine has."""
    candidates = [Path(f"/usr/bin/python3.{minor}") for minor in range(6, 16)]
    candidates += sorted((Path.home() / ".pyenv" / "versions").glob("3.*/bin/python3"))
    found = {}
    for path in candidates:
        if path.exists():
            told = subprocess.run(
                [path, "-c", "import ssl, sys; print(*sys.version_info[:2], sep='.')"],
                capture_output=True,
                text=True,
                check=False,
            )
            if told.returncode == 0 and told.stdout.strip() not in {"3.4", "3.5"}:
                found[told.stdout.strip()] = str(path)
    return list(found.values())


@pytest.mark.parametrize("python", other_pythons())
def test_whole_job_on_every_python_of_this_machine(
    slot: Slot, allocator: ScriptedAllocator, tmp_path: Path, python: str
) -> None:
    slot.python = python
    allocator.files.append("usertests:a.root pfn RSE")
    allocator.work["output_patterns"] = [{"pattern_id": 1, "pattern": "*.root", "for_next_stage": False}]
    allocator.work["environment"] = [("ACCENTS", "naïve")]
    allocator.targets = [file_target(tmp_path / "rse")]
    slot.environ["PATH"] = f"{Path(python).parent}:/usr/bin:/bin"

    finished = slot.run("#!/bin/sh\n$JUSTIN_PATH/justin-get-file --seconds-needed 5\necho $ACCENTS\necho x > a.root\n")

    assert finished.code == 0, finished.log
    assert allocator.one("record_results").jobscript_log == "usertests:a.root pfn RSE\nnaïve\n", finished.log
    assert len(allocator.one("confirm_results").outputs) == 1

"""Workflow files: what they may hold, and how each mistake is told with its line."""

from pathlib import Path

import pytest

from justin import load_workflow
from justin.errors import BadDocument
from justin.schemas.specs import MAX_JOBSCRIPT_BYTES

GOOD = """
name: collisions
mql: files from usertests:raw
refind_until: 2026-08-01T12:00:00Z
refind_interval_hours: 0.5
stages:
  - jobscript_file: jobs/simulate.sh
    environment: {EVENTS: "1000"}
    outputs:
      - {pattern: "*.root", for_next_stage: true, lifetime_days: 1}
  - jobscript: |
      #!/bin/sh
      exit 0
    gpus: {count: 1, min_capability: 7.5}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    (jobs / "simulate.sh").write_text("#!/bin/bash\nexit 0\n", encoding="utf-8")
    return tmp_path


def complaints(folder: Path, text: str) -> list[str]:
    path = folder / "workflow.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadDocument) as caught:
        load_workflow(path)
    return str(caught.value).replace(f"{path}:", "").replace(f"{folder}/", "").splitlines()


def test_a_whole_workflow(folder: Path) -> None:
    path = folder / "workflow.yaml"
    path.write_text(GOOD, encoding="utf-8")

    spec = load_workflow(path)

    assert [stage.jobscript for stage in spec.stages] == ["#!/bin/bash\nexit 0\n", "#!/bin/sh\nexit 0\n"]
    assert spec.stages[0].environment == {"EVENTS": "1000"}
    assert spec.scope == "usertests"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("files from usertests:raw", "''"), "3: mql is not valid: the query is empty"),
        (("0.5", "often"), "5: refind_interval_hours must be a number"),
        (("2026-08-01T12:00:00Z", "2026-08-01"), "4: refind_until needs a time zone"),
        (("simulate.sh", "none.sh"), "7: stages[1].jobscript_file jobs/none.sh cannot be read: No such file"),
        (('"1000"', "1000"), "8: stages[1].environment.EVENTS must be text: put it in quotes"),
        (("EVENTS", "JUSTIN_SCOPE"), "8: stages[1].environment is not valid: the variable JUSTIN_SCOPE is set by"),
        (("*.root", "out/*.root"), "10: stages[1].outputs[1].pattern may hold letters"),
        (("for_next_stage: true, ", ""), "2: stage 1 has no output for the next stage"),
        (("lifetime_days: 1", "lifetime_day: 1"), "10: stages[1].outputs[1].lifetime_day is not a known field: did"),
        (("#!/bin/sh", "exec sh"), "11: stages[2].jobscript is not valid: the jobscript must begin with '#!'"),
        (("min_capability: 7.5", "min_capability: new"), "14: stages[2].gpus.min_capability must be a number"),
        (("gpus:", "wall_seconds: -5\n    gpus:"), "14: stages[2].wall_seconds must be at least 1"),
        (("name: collisions", "name: a\nname: b"), "3: name is given twice"),
        (("name: collisions", "name: *nobody"), "2: not valid YAML: found undefined alias"),
        (("exit 0\n", "exit 0\n    jobscript_file: x\n"), "14: stages[2].jobscript_file cannot be given beside"),
        (("jobs/simulate.sh", "[]"), "7: stages[1].jobscript_file must be text"),
    ],
)
def test_a_mistake_is_told_with_its_line(folder: Path, change: tuple[str, str], complaint: str) -> None:
    assert any(each.startswith(complaint) for each in complaints(folder, GOOD.replace(*change)))


def test_all_mistakes_are_told_at_once_in_their_order(folder: Path) -> None:
    text = GOOD.replace("0.5", "often").replace("name:", "nam:").replace("simulate.sh", "none.sh")

    assert [each.split(":")[0] for each in complaints(folder, text)] == ["2", "5", "7"]


def test_a_file_that_is_no_workflow(folder: Path) -> None:
    assert complaints(folder, "") == ["1: the file must hold names with values, such as 'mql: …'"]
    assert complaints(folder, "- a\n- b\n") == ["1: the file must hold names with values, such as 'mql: …'"]
    assert complaints(folder, "mql: x\nstages: 5") == ["2: stages must be a list"]
    assert complaints(folder, "a: &a\n  b: *a\n") == ["2: a.b refers to itself"]


def test_a_file_that_is_not_there(folder: Path) -> None:
    with pytest.raises(BadDocument, match=r"nothing\.yaml: cannot be read: No such file or directory"):
        load_workflow(folder / "nothing.yaml")


def test_an_object_of_python_is_not_made(folder: Path) -> None:
    assert "could not determine a constructor" in complaints(folder, "mql: !!python/object/apply:os.getcwd []")[0]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"#!" + b"x" * MAX_JOBSCRIPT_BYTES, "is larger than"),
        (b"#!/bin/sh\n\xff", "is not a text file in UTF-8"),
        (b"#!/bin/sh\n\x00", "holds a NUL byte"),
        (b"", "give a jobscript that is not empty"),
    ],
)
def test_a_jobscript_that_is_none(folder: Path, content: bytes, complaint: str) -> None:
    (folder / "jobs/simulate.sh").write_bytes(content)

    assert any(complaint in each for each in complaints(folder, GOOD))

"""The example jobscripts run alone, with a helper command that hands out files from a list."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uproot

EXAMPLES = Path(__file__).parents[2] / "docs/user/examples/dimuon"

HANDOUT = """#!/bin/sh
[ -s "$JUSTIN_PATH/files.txt" ] || exit 1
head -n 1 "$JUSTIN_PATH/files.txt"
sed -i 1d "$JUSTIN_PATH/files.txt"
"""

Inputs = list[tuple[str, str]]


@dataclass(frozen=True)
class Ended:
    """What a jobscript left behind."""

    exit_code: int
    workspace: Path

    def outputs(self, pattern: str = "*.root") -> list[Path]:
        return sorted(self.workspace.glob(pattern))

    def metadata(self, output: Path) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.workspace / f"{output.name}.json").read_text())
        return loaded

    @property
    def processed(self) -> list[str]:
        file = self.workspace / "justin-processed-dids.txt"
        return file.read_text().split() if file.exists() else []

    def inputs(self) -> Inputs:
        return [(f"usertests:{output.name}", f"file://localhost{output}") for output in self.outputs()]


Run = Callable[[str, Inputs], Ended]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A function that runs a jobscript as the wrapper does, on the inputs given."""

    def run_one(script: str, inputs: Inputs, **environment: str) -> Ended:
        home = tmp_path / f"{script}-{len(list(tmp_path.iterdir()))}"
        workspace = home / "workspace"
        workspace.mkdir(parents=True)
        (home / "justin-get-file").write_text(HANDOUT)
        (home / "justin-get-file").chmod(0o755)
        (home / "files.txt").write_text("".join(f"{did} {pfn} SOME_RSE\n" for did, pfn in inputs))
        ended = subprocess.run(
            [EXAMPLES / script], cwd=workspace, env=_environment(home, environment), timeout=60, check=False
        )
        return Ended(ended.returncode, workspace)

    return run_one


def _environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "JUSTIN_PATH": str(home),
        "JUSTIN_WORKFLOW_ID": "7",
        "JUSTIN_JOBSUB_ID": "12.3@schedd",
        "JUSTIN_TIMESTAMP": "1780000000",
        "EVENTS_PER_FILE": "2000",
        **extra,
    }


def _counters(count: int) -> Inputs:
    return [(f"monte-carlo-000007-{number:06d}", f"{number:06d}") for number in range(1, count + 1)]


def test_from_counters_to_a_peak_at_the_mass_of_the_z(run: Run) -> None:
    simulated = run("simulate.py", _counters(3))
    reconstructed = run("reconstruct.sh", simulated.inputs())
    merged = run("merge.py", reconstructed.inputs())
    trees = [item for item in merged.inputs() if "merged" in item[0]]
    plotted = run("plot.py", trees)

    assert [one.exit_code for one in (simulated, reconstructed, merged, plotted)] == [0, 0, 0, 0]
    assert [len(one.processed) for one in (simulated, reconstructed, merged, plotted)] == [3, 3, 3, 1]
    (picture,) = plotted.outputs("*.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert plotted.metadata(picture)["metadata"]["dimuon.peak_gev"] == pytest.approx(91, abs=1)


def test_every_output_has_metadata_with_its_number_of_events(run: Run) -> None:
    simulated = run("simulate.py", _counters(2))
    reconstructed = run("reconstruct.sh", simulated.inputs())

    for ended, tree in ((simulated, "tracks"), (reconstructed, "pairs")):
        for output in ended.outputs():
            with uproot.open(output) as file:
                assert ended.metadata(output)["metadata"]["core.event_count"] == file[tree].num_entries


def test_a_reconstructed_file_names_its_one_parent(run: Run) -> None:
    reconstructed = run("reconstruct.sh", run("simulate.py", _counters(2)).inputs())

    parents = [reconstructed.metadata(output)["parents"] for output in reconstructed.outputs()]
    assert parents == [[{"did": f"usertests:dimuon-sim-w7-00000{number}.root"}] for number in (1, 2)]


def test_the_same_counter_gives_the_same_events(run: Run) -> None:
    first, second = (run("simulate.py", _counters(1)).outputs()[0] for _ in range(2))

    with uproot.open(first) as one, uproot.open(second) as other:
        assert (one["tracks"]["minus_eta"].array() == other["tracks"]["minus_eta"].array()).tolist() == [True] * 2000


@pytest.mark.parametrize("script", ["simulate.py", "reconstruct.sh", "merge.py", "plot.py"])
def test_no_input_is_no_failure_and_leaves_nothing(run: Run, script: str) -> None:
    ended = run(script, [])

    assert ended.exit_code == 0
    assert list(ended.workspace.iterdir()) == []


@pytest.mark.parametrize("script", ["reconstruct.sh", "merge.py", "plot.py"])
def test_an_input_that_cannot_be_read_fails_with_a_code_a_shell_knows(run: Run, script: str) -> None:
    ended = run(script, [("usertests:gone.root", "file://localhost/nowhere/gone.root")])

    assert 1 <= ended.exit_code <= 127
    assert ended.outputs() == []
    assert ended.processed == []


def test_names_fit_the_patterns_of_the_workflow(run: Run) -> None:
    simulated = run("simulate.py", _counters(1))

    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+=-]*", output.name) for output in simulated.outputs())

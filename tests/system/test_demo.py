"""The demo does what the README says, and every book agrees about what came out of it."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from justin import Client
from justin.document import load_workflow
from justin.schemas.views import WorkflowView
from justin.states import FileState, WorkflowState
from localgrid import lifecycle
from localgrid.grid import Grid
from localgrid.guard import cleaned_up
from scripts import servers
from scripts.dimuon import EXAMPLES
from scripts.servers import ROOT, WORKER, Servers
from tests.support import books
from tests.support.rows import Rows
from tests.support.system import kill_component
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.prefect, pytest.mark.timeout(900)]

DEMO_SECONDS = 600
WORKFLOW_SECONDS = 480
DAY = 86_400
LIFETIMES_SECONDS = {
    "dimuon-sim": DAY,
    "dimuon-reco": 7 * DAY,
    "dimuon-merged": 30 * DAY,
    "dimuon-masses": 30 * DAY,
    "dimuon-mass-": 30 * DAY,
}
FILES = 20


@dataclass(frozen=True)
class Demo:
    """A demo that has done its work and still runs."""

    printed: str
    ours: Servers
    rows: Rows

    @property
    def grid(self) -> Grid:
        return self.ours.grid

    def workflow(self, workflow_id: int) -> WorkflowView:
        with Client(self.ours.api_url) as client:
            return client.workflow(workflow_id)

    def books(self, workflow_id: int) -> books.Books:
        return books.read(self.grid, self.rows, workflow_id)


def demo_command(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "scripts/demo"), "--directory", str(directory), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEMO_SECONDS, check=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo, stopped and deleted at the end."""
    directory = tmp_path_factory.mktemp("demo")
    with cleaned_up(directory):
        done = demo_command(directory)
        assert done.returncode == 0, done.stdout + done.stderr
        ours = servers.plan(Grid.read(directory))
        yield Demo(done.stdout, ours, Rows(ours.grid.database_url.replace("+psycopg", "")))
        lifecycle.down(directory, clean=True)


def test_it_prints_the_picture_and_addresses_that_answer(demo: Demo) -> None:
    (picture,) = re.findall(r"(/\S+\.png)", demo.printed)
    assert Path(picture).read_bytes().startswith(b"\x89PNG")
    for address in (demo.ours.prefect_url, demo.ours.dashboard_url, f"{demo.ours.api_url}/docs"):
        assert address in demo.printed
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert answer.status == 200


def test_both_workflows_are_finished_with_the_right_number_of_files(demo: Demo) -> None:
    made, plotted = demo.workflow(1), demo.workflow(2)

    assert (made.state, plotted.state) == (WorkflowState.FINISHED, WorkflowState.FINISHED)
    assert [stage.files for stage in made.stages] == [{FileState.PROCESSED: FILES}] * 3
    merges = sum(output.files for output in made.stages[2].outputs if "merged" in output.pattern)
    assert plotted.stages[0].files == {FileState.PROCESSED: merges}
    assert [output.files for output in plotted.stages[0].outputs] == [1]


@pytest.mark.parametrize("workflow_id", [1, 2])
def test_database_metacat_rucio_and_storage_agree_file_by_file(demo: Demo, workflow_id: int) -> None:
    written = demo.books(workflow_id)

    written.check_files()
    written.check_datasets(LIFETIMES_SECONDS)
    books.check_each_processed_once(demo.rows, workflow_id)
    books.check_no_event_is_missing(demo.rows, workflow_id)


def test_parents_lead_from_the_picture_back_to_the_simulation(demo: Demo) -> None:
    written = {**demo.books(1).metacat, **demo.books(2).metacat}
    names = {file["fid"]: name for name, file in written.items()}

    def parents(name: str) -> list[str]:
        return [names[parent["fid"]] for parent in written[name]["parents"]]

    (picture,) = [name for name in written if name.endswith(".png")]
    merged = parents(picture)
    reconstructed = [name for each in merged for name in parents(each)]
    simulated = [name for each in reconstructed for name in parents(each)]
    assert all(name.startswith("dimuon-merged") for name in merged)
    assert len(set(reconstructed)) == len(reconstructed) == FILES
    assert sorted(simulated) == sorted(name for name in written if name.startswith("dimuon-sim"))
    assert [parents(name) for name in simulated] == [[]] * FILES


def test_the_picture_is_explained_and_made_again_equal(demo: Demo, tmp_path: Path) -> None:
    with Client(demo.ours.api_url) as client:
        (picture,) = [file.did for file in client.files(2, state=FileState.OUTPUT)]
        found = client.provenance([picture])
    assert found.complete
    counters = sorted(did for file in found.files for did in file.inputs_elsewhere)
    assert counters == [f"monte-carlo-000001-{number:06}" for number in range(1, FILES + 1)]
    assert {(maker.workflow_id, maker.stage_id) for maker in found.makers} == {(1, 1), (1, 2), (1, 3), (2, 1)}
    assert [maker.not_recorded for maker in found.makers if maker.stage_id == 1] == [[], []]

    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(justin(demo, "recipe", picture).stdout)
    made = justin(demo, "reproduce", str(recipe), "--json", "--timeout-seconds", str(WORKFLOW_SECONDS))

    assert made.returncode == 0, made.stdout + made.stderr
    (compared,) = json.loads(made.stdout)["files"]
    assert (compared["did"], compared["differences"]) == (picture, [])
    assert compared["made"] != picture
    # All is done, so it only compares.
    assert justin(demo, "reproduce", str(recipe), "--json").stdout == made.stdout


def justin(demo: Demo, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "JUSTIN_URL": demo.ours.api_url}
    command = [sys.executable, "-m", "justin", *words]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=2 * WORKFLOW_SECONDS, check=False
    )


def test_a_worker_killed_in_the_middle_is_replaced_and_the_workflow_finishes(demo: Demo) -> None:
    with Client(demo.ours.api_url) as client:
        workflow_id = client.create_workflow(load_workflow(EXAMPLES / "workflow.yaml"), submit=True).workflow_id
        client.wait(workflow_id, until=[WorkflowState.RUNNING], timeout_seconds=60)
        wait_until(lambda: any(row["state"] == "uploaded" for row in demo.rows.files(workflow_id)))
        kill_component(demo.grid.directory, WORKER)
        lifecycle.up(demo.grid.directory, pool=None, more=lambda _grid: demo.ours.components())
        client.wait(workflow_id, timeout_seconds=WORKFLOW_SECONDS)

    books.check_each_processed_once(demo.rows, workflow_id)
    books.check_no_event_is_missing(demo.rows, workflow_id)
    demo.books(workflow_id).check_files()


def test_the_tutorial_runs_as_it_stands(demo: Demo, tmp_path: Path) -> None:
    page = (ROOT / "docs/user/tutorial.md").read_text()
    blocks = [block for block in re.findall(r"```bash\n(.+?)```", page, re.DOTALL) if "scripts/demo" not in block]
    script = re.sub(r"http://127\.0\.0\.1:\d+", demo.ours.api_url, "\n".join(blocks)).replace("$PWD", str(ROOT))

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=WORKFLOW_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    with Client(demo.ours.api_url) as client:
        reconstructed = client.preview("files where namespace=usertests and core.data_tier=reconstructed").count
    assert reconstructed % FILES == 0
    assert str(reconstructed) in re.findall(r"\*\.count.*", done.stdout)[-1].split()


def test_stopping_leaves_no_process(tmp_path: Path) -> None:
    with cleaned_up(tmp_path):
        lifecycle.up(tmp_path, fast=True)
        stopped = demo_command(tmp_path, "--stop")

        assert stopped.returncode == 0
        assert {each.state for each in lifecycle.status(tmp_path)} == {"stopped"}
        lifecycle.down(tmp_path, clean=True)


def test_stopping_what_does_not_run_says_so(tmp_path: Path) -> None:
    stopped = demo_command(tmp_path, "--stop")

    assert stopped.returncode == 0
    assert "No demo runs" in stopped.stdout

"""A workflow is written as the file that makes it anew."""

from pathlib import Path

from justin import Client, OutputSpec, StageSpec, WorkflowSpec, load_workflow
from tests.justin.conftest import Run

SPEC = WorkflowSpec(
    name="again",
    mql="monte-carlo 3",
    stages=[
        StageSpec(
            jobscript="#!/bin/sh\nif true; then\n\techo 'yes: \"no\"'  \nfi\n",
            outputs=[OutputSpec(pattern="*.root", lifetime_days=1)],
            environment={"A": "1", "B": "yes"},
            max_distance=30,
        )
    ],
)


def test_what_is_written_makes_the_same_workflow(client: Client, url: str, run: Run, tmp_path: Path) -> None:
    made = client.create_workflow(SPEC)
    written = tmp_path / "again.yaml"
    assert run("write-workflow", "--workflow-id", made.workflow_id, "--file", written).code == 0
    assert load_workflow(written) == SPEC

    printed = run("write-workflow", "--workflow-id", made.workflow_id)
    written.write_text(printed.out)
    assert load_workflow(written) == SPEC


def test_a_mock_server_has_no_archive(client: Client, url: str, run: Run) -> None:
    client.create_workflow(SPEC)
    assert list(client.workflows(archived=True)) == []
    assert run("show-workflows", "--archived").code == 0

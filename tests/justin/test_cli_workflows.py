"""Subcommands that make workflows: what they send, and what they print."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from justin.schemas.specs import StageSpec, WorkflowSpec
from justin.testing import MockServer
from tests.justin.conftest import QUERY, Run

pytestmark = pytest.mark.usefixtures("url")


def sent(server: MockServer) -> Any:
    """Give what the last request held."""
    return json.loads(server.requests[-1].content)


def test_a_simple_workflow_prints_its_id_alone(run: Run, jobscript: Path, server: MockServer) -> None:
    result = run("simple-workflow", "--mql", QUERY, "--jobscript", jobscript)

    assert (result.code, result.out, result.err) == (0, "1\n", "")
    assert server.world.workflow(1).stages[0].jobscript == jobscript.read_text(encoding="utf-8")


def test_every_option_of_a_stage_reaches_the_server(run: Run, jobscript: Path, server: MockServer) -> None:
    run("create-workflow", "--monte-carlo", 3)
    result = run(
        *["create-stage", "--workflow-id", 1, "--jobscript", jobscript, "--image", "/images/sl7.sif"],
        *["--processors", 4, "--rss-mib", 8000, "--wall-seconds", 3600, "--max-distance", 30],
        *["--gpus", 2, "--gpus-min-mib", 16000, "--gpus-min-capability", "7.5", "--gpus-max-capability", "9.0"],
        *["--gpus-min-runtime", "12.4", "--env", "A=1=2", "--env", "B=two words", "--classad", 'X="y"'],
        *["--site", "UK_SITE", "--site", "US_SITE", "--output-rse", "UK_RSE", "--output-rse", "US_RSE"],
        *["--output-rse-expression", "country=uk", "--lifetime-days", "0.5"],
        *["--output-pattern-next-stage", "reco*.root", "--output-pattern", "hist.root:JUSTIN_SCOPE-plots"],
        *["--output-pattern", "log.txt:https://scratch.example.org/me", "--git-repo", "DUNE/tools:v1.0"],
        *["--git-repo", "DUNE/more/feature/x"],
    )

    assert (result.code, result.out) == (0, "1\n")
    stage = StageSpec.model_validate(sent(server)["stage"])
    assert stage.model_dump(mode="json") == {
        "jobscript": jobscript.read_text(encoding="utf-8"),
        "jobscript_git": "",
        "git_repos": [
            {"organisation": "DUNE", "repository": "tools", "tag": "v1.0"},
            {"organisation": "DUNE", "repository": "more", "tag": "feature/x"},
        ],
        "image": "/images/sl7.sif",
        "processors": 4,
        "rss_mib": 8000,
        "wall_seconds": 3600,
        "max_distance": 30,
        "gpus": {
            "count": 2,
            "min_memory_mib": 16000,
            "min_capability": "7.5",
            "max_capability": "9.0",
            "min_runtime": "12.4",
            "model": "",
        },
        "outputs": [
            {
                "pattern": "hist.root",
                "destination": "JUSTIN_SCOPE-plots",
                "for_next_stage": False,
                "lifetime_days": 0.5,
                "rse_expression": "country=uk",
            },
            {
                "pattern": "log.txt",
                "destination": "https://scratch.example.org/me",
                "for_next_stage": False,
                "lifetime_days": None,
                "rse_expression": "",
            },
            {
                "pattern": "reco*.root",
                "destination": "",
                "for_next_stage": True,
                "lifetime_days": 0.5,
                "rse_expression": "country=uk",
            },
        ],
        "output_rses": ["UK_RSE", "US_RSE"],
        "input_rses": [],
        "sites": ["UK_SITE", "US_SITE"],
        "environment": {"A": "1=2", "B": "two words"},
        "classads": {"X": '"y"'},
        "max_allocations": 6,
        "max_files_per_job": 20,
        "max_jobs": None,
    }


def test_the_defaults_of_a_stage(run: Run, jobscript: Path, server: MockServer) -> None:
    run("simple-workflow", "--mql", QUERY, "--jobscript", jobscript)

    stage = server.world.workflow(1).stages[0]
    assert (stage.processors, stage.rss_mib, stage.wall_seconds, stage.gpus) == (1, 2000, 80_000, None)
    assert WorkflowSpec.model_validate(sent(server)).scope == "usertests"


def test_memory_may_be_spelt_as_before(run: Run, jobscript: Path, server: MockServer) -> None:
    run("simple-workflow", "--mql", QUERY, "--jobscript", jobscript, "--rss-mb", 4000)

    assert server.world.workflow(1).stages[0].rss_mib == 4000


@pytest.mark.parametrize(
    ("options", "until", "hours"),
    [
        ([], None, None),
        (["--refind-end-date", "20300131"], datetime(2030, 1, 31, 23, 59, 59, tzinfo=UTC), 1),
        (
            ["--refind-end-date", "20300131", "--refind-interval-hours", "0.25"],
            datetime(2030, 1, 31, 23, 59, 59, tzinfo=UTC),
            0.25,
        ),
    ],
)
def test_looking_for_new_files(
    run: Run, server: MockServer, options: list[str], until: datetime | None, hours: float | None
) -> None:
    run("create-workflow", "--mql", QUERY, *options)

    spec = WorkflowSpec.model_validate(sent(server))
    assert (spec.refind_until, spec.refind_interval_hours) == (until, hours)


def test_looking_for_new_files_ends_today_by_default(run: Run, server: MockServer) -> None:
    before = datetime.now(UTC).date()
    run("create-workflow", "--mql", QUERY, "--refind-interval-hours", 2)

    until = WorkflowSpec.model_validate(sent(server)).refind_until
    assert until is not None
    assert before <= until.date() <= datetime.now(UTC).date()
    assert f"{until:%H:%M:%S}" == "23:59:59"


def test_ids_go_through_files(run: Run, jobscript: Path, tmp_path: Path, server: MockServer) -> None:
    campaign, workflow = tmp_path / "campaign", tmp_path / "workflow"
    run("create-campaign", "--name", "spring", "--campaign-id-file", campaign)
    run("create-workflow", "--mql", QUERY, "--campaign-id-file", campaign, "--workflow-id-file", workflow)
    run("create-stage", "--workflow-id-file", workflow, "--jobscript", jobscript)
    result = run("submit-workflow", "--workflow-id-file", workflow)

    assert result.out == "Workflow 1 is running.\n"
    assert (campaign.read_text(), workflow.read_text()) == ("1\n", "1\n")
    assert server.world.workflow(1).view.campaign_id == 1


def test_a_file_without_an_id_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "id").write_text("seven")

    result = run("submit-workflow", "--workflow-id-file", tmp_path / "id")

    assert result.code == 2
    assert "id does not hold an id" in result.err


def test_states_are_changed(run: Run, jobscript: Path, server: MockServer) -> None:
    run("simple-workflow", "--mql", QUERY, "--jobscript", jobscript)

    assert run("pause-workflow", "--workflow-id", 1, "--reason", "disk full").out == "Workflow 1 is paused.\n"
    assert server.world.workflow(1).view.state_message == "disk full"
    assert run("restart-workflow", "--workflow-id", 1).out == "Workflow 1 is running.\n"
    assert run("finish-workflow", "--workflow-id", 1).out == "Workflow 1 is finished.\n"
    result = run("pause-workflow", "--workflow-id", 1)
    assert (result.code, result.err) == (1, "justin pause-workflow: workflow 1 is finished: it cannot pause\n")


def test_a_workflow_in_a_file(run: Run, jobscript: Path, tmp_path: Path, server: MockServer) -> None:
    text = f"name: mine\nmql: monte-carlo 2\nstages:\n  - jobscript_file: {jobscript.name}\n"
    (tmp_path / "workflow.yaml").write_text(text)

    result = run("submit", "workflow.yaml", "--workflow-id-file", "id")

    assert (result.code, result.out, result.err) == (0, "1\n", "")
    assert (tmp_path / "id").read_text() == "1\n"
    assert server.world.workflow(1).view.state == "running"
    assert run("submit", "workflow.yaml", "--draft").out == "2\n"
    assert server.world.workflow(2).view.state == "draft"


def test_a_workflow_file_is_checked_without_the_server(run: Run, jobscript: Path, server: MockServer) -> None:
    Path("workflow.yaml").write_text(f"mql: monte-carlo 2\nstages:\n  - jobscript_file: {jobscript.name}\n")

    assert run("submit", "workflow.yaml", "--check").out == "workflow.yaml is a valid workflow of 1 stages.\n"
    assert server.requests == []


def test_a_bad_workflow_file_is_told_and_not_sent(run: Run, server: MockServer) -> None:
    Path("workflow.yaml").write_text("mql: monte-carlo 2\nstages:\n  - jobscript_file: none.sh\n    wall_second: 1\n")

    result = run("submit", "workflow.yaml")

    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines() == [
        "justin submit: workflow.yaml:3: stages[1].jobscript_file none.sh cannot be read: No such file or directory",
        "workflow.yaml:4: stages[1].wall_second is not a known field: did you mean 'wall_seconds'?",
        "Nothing was sent.",
    ]
    assert server.requests == []


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--wall-seconds", "-1"], "--wall-seconds must be at least 1"),
        (["--processors", "many"], "Invalid value for '--processors'"),
        (["--output-pattern", "a/b", "--lifetime-days", "1"], "--output-pattern may hold letters"),
        (["--output-pattern", "*.root"], "--output-pattern is not valid: an output in Rucio needs lifetime_days"),
        (["--output-pattern", "*.root", "--lifetime-days", "0"], "--lifetime-days must be more than 0"),
        (["--output-pattern-next-stage", "*.root", "--lifetime-days", "1"], "and there is none"),
        (["--env", "novalue"], "write --env as NAME=VALUE, not 'novalue'"),
        (["--env", "HOME=/"], "--env is not valid: the variable HOME is set by the system"),
        (["--classad", "1=2"], "--classad must be an attribute's name"),
        (["--site", "a site"], "--site must be the name of a site"),
        (["--output-rse", "lower"], "--output-rse must be the name of an RSE"),
        (["--gpus-min-mib", "1000"], "a demand on GPUs needs --gpus"),
        (["--gpus", "1", "--gpus-min-capability", "new"], "--gpus-min-capability must be a number"),
        (["--git-repo", "DUNE"], "write a git repository as ORG/REPO:TAG, not 'DUNE'"),
        (["--git-repo", "D UNE/x:y"], "--git-repo organisation must be the name of an organisation"),
        (["--git-repo", "DUNE/x:-y"], "--git-repo tag must be a tag, a branch or a commit"),
        (["--git-repo", "DUNE/x:v1", "--git-repo", "DUNE/x/v2"], "the repository DUNE/x is given twice"),
        (
            ["--jobscript-git", "DUNE/tools/x.jobscript"],
            "--jobscript-git is not valid: 'DUNE/tools/x.jobscript' has no",
        ),
        (["--jobscript-git", "DUNE/x.jobscript:v1"], "as ORG/REPO/PATH/X.jobscript:TAG, not 'DUNE/x.jobscript:v1'"),
        (["--jobscript-git", "DUNE/tools/../x:v1"], "the path '../x' leads elsewhere"),
        (["--max-distance", "101"], "--max-distance must be at most 100"),
        (["--scope", "no scope"], "--scope must be a scope"),
        (["--refind-end-date", "tomorrow"], "write --refind-end-date as YYYYMMDD, not 'tomorrow'"),
        (["--refind-interval-hours", "0"], "--refind-interval-hours must be more than 0"),
        (["--monte-carlo", "3"], "--mql QUERY or --monte-carlo COUNT, one of the two"),
        (["--mql", "rucio-dataset nothing"], "--mql is not valid: write a Rucio dataset as"),
        (["--jobscript-git", "DUNE/tools/x.jobscript:v1"], "and not both"),
    ],
)
def test_bad_options_are_told_and_not_sent(
    run: Run, jobscript: Path, server: MockServer, options: list[str], complaint: str
) -> None:
    result = run("simple-workflow", "--mql", QUERY, "--jobscript", jobscript, *options)

    assert (result.code, result.out) == (2, "")
    assert complaint in result.err
    assert server.requests == []


@pytest.mark.parametrize("content", [b"", b"echo hello\n", b"#!/bin/sh\n\x00", b"#!" + b"x" * 10_000_000])
def test_a_jobscript_that_is_none_is_told(run: Run, jobscript: Path, server: MockServer, content: bytes) -> None:
    jobscript.write_bytes(content)

    result = run("simple-workflow", "--mql", QUERY, "--jobscript", jobscript)

    assert result.code == 2
    assert "jobscript" in result.err
    assert server.requests == []


def test_a_jobscript_that_is_not_there_is_told(run: Run) -> None:
    result = run("simple-workflow", "--mql", QUERY, "--jobscript", "none.sh")

    assert (result.code, result.err) == (
        2,
        "justin simple-workflow: none.sh cannot be read: No such file or directory\nNothing was sent.\n",
    )

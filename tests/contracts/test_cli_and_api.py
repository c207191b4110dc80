"""The command line against the API as it is, over HTTP and a real database."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runtime import Runtime
from justin import cli
from services.api.app import create_app
from tests.support.makers import make_scope
from tests.support.repositories import Repository, make_repository
from tests.support.serving import serving

SHOWS = [
    "status 1",
    "status",
    "show-workflows",
    "show-workflows --workflow-id 1",
    "show-stages --workflow-id 1",
    "show-stages --workflow-id 1 --stage-id 1",
    "show-jobscript --workflow-id 1",
    "show-stage-outputs --workflow-id 1",
    "show-files --workflow-id 1",
    "show-replicas --workflow-id 1",
    "show-datasets --workflow-id 1",
    "show-jobs --workflow-id 1",
    "explain --workflow-id 1",
    "explain --workflow-id 1 --stage-id 1",
    "show-campaigns",
    "show-sites",
    "show-storages",
    "show-entries",
    "show-distances",
    "show-probes",
    "show-probes --matrix",
    "check-workflow 1",
    "show-integrity 1",
    "diff 1 1 --all",
    "events --workflow-id 1",
    "whoami",
    "time",
    "version",
]


@pytest.fixture
def url(fresh_runtime: Runtime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    with fresh_runtime.session() as session:
        make_scope(session)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with serving(create_app(fresh_runtime)) as url:
        monkeypatch.setenv("JUSTIN_URL", url)
        yield url


@pytest.fixture
def jobscript(tmp_path: Path) -> Path:
    path = tmp_path / "simulate.sh"
    path.write_text("#!/bin/sh\nexit 0\n")
    return path


def run(arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as end:
        cli.main(arguments.split())
    return end.value.code


def test_a_workflow_is_made_shown_and_steered(
    url: str, jobscript: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "workflow.yaml").write_text(
        f"name: mine\nmql: monte-carlo 3\nstages:\n- jobscript_file: {jobscript.name}\n  environment: {{A: b c}}\n"
        "  outputs: [{pattern: '*.root', lifetime_days: 7}]\n  gpus: {count: 1, min_capability: 7.5}\n"
    )

    assert run("submit workflow.yaml --workflow-id-file id") == 0
    assert capsys.readouterr().out == (tmp_path / "id").read_text()
    for arguments in SHOWS:
        assert run(f"{arguments} --json") == 0, arguments
        assert isinstance(json.loads(capsys.readouterr().out), list | dict)
        assert run(arguments) == 0, arguments
        assert capsys.readouterr().out
    assert run("pause-workflow --workflow-id 1 --reason enough") == 0
    assert capsys.readouterr().out == "Workflow 1 is paused.\n"
    assert run("watch 1 --timeout-seconds 0") == 5
    assert run("fail-files --workflow-id 1") == 0
    assert run("retry-files --workflow-id 1") == 0


def test_a_workflow_in_steps(url: str, jobscript: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("create-campaign --name spring --campaign-id-file campaign") == 0
    assert run("create-workflow --monte-carlo 2 --campaign-id-file campaign --workflow-id-file id") == 0
    assert run(f"create-stage --workflow-id-file id --jobscript {jobscript} --wall-seconds 600") == 0
    assert run("submit-workflow --workflow-id-file id") == 0
    assert capsys.readouterr().out == "1\n1\n1\nWorkflow 1 is running.\n"
    assert run("finish-workflow --workflow-id-file id") == 0
    assert capsys.readouterr().out == "Workflow 1 is cancelling.\n"


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        ("--monte-carlo 2 --scope nobodys", 1, "nobodys"),
        ("--monte-carlo 2 --site NOWHERE", 1, "NOWHERE"),
        ("--monte-carlo 2 --output-rse NOWHERE", 1, "NOWHERE"),
        ("--monte-carlo 2 --campaign-id 99", 1, "campaign 99"),
        ("--monte-carlo 0", 2, "--monte-carlo"),
    ],
)
def test_what_the_server_refuses_is_told_in_its_words(
    url: str, jobscript: Path, capsys: pytest.CaptureFixture[str], options: str, code: int, complaint: str
) -> None:
    assert run(f"simple-workflow {options} --jobscript {jobscript}") == code

    told = capsys.readouterr()
    assert told.out == ""
    assert complaint in told.err
    assert "Traceback" not in told.err


def test_what_is_not_there_has_its_exit_code(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ("status 99", "diff 99 1", "show-stages --workflow-id 99", "fetch-logs --jobsub-id 1.0@nowhere"):
        assert run(arguments) == 23, arguments
        assert "99" in (told := capsys.readouterr().err) or "1.0@nowhere" in told


def test_the_commits_between_two_workflows_are_told(
    url: str, jobscript: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = make_repository(tmp_path / "repositories")
    for number in range(3):
        code.commit({"a": str(number)}, f"Change {number}")
        code.tag(f"v{number}")
    for tag in ("v0", "v2"):
        assert run(f"simple-workflow --monte-carlo 2 --jobscript {jobscript} --git-repo dune/code:{tag}") == 0
    capsys.readouterr()

    assert run("diff 1 2 --commits 1") == 0
    told = capsys.readouterr()
    assert "\ndune/code: v0 (" in told.out
    assert [line for line in told.out.splitlines() if "Change" in line] == [
        f"+{code.git('log', '-1', '--format=%h', '--abbrev=12')} {_time(code)} test: Change 2"
    ]
    assert told.err == "There are more commits: give a larger --commits.\n"
    code.bare.rename(tmp_path / "gone")
    assert run("diff 1 2") == 0
    told = capsys.readouterr()
    assert "\ndune/code: v0 (" in told.out
    assert told.err.startswith("Warning: the commits of dune/code are not known: git cannot ask ")


def _time(code: Repository) -> str:
    return code.git("log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%d %H:%M:%S", TZ="UTC")

"""The command line as a whole: exit codes, messages, the environment, pipes and interruption."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from justin.cli import exits
from justin.testing import MockServer
from tests.justin.conftest import QUERY, Run

COMMAND = [sys.executable, "-m", "justin"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def closed_port() -> str:
    return "http://127.0.0.1:1"


def test_the_exit_codes_are_those_that_are_documented() -> None:
    assert set(exits.MEANINGS) == set(exits.ExitCode)


def test_no_connection(run: Run) -> None:
    result = run("whoami", "--url", closed_port())

    assert (result.code, result.out) == (21, "")
    assert result.err.startswith(f"justin whoami: cannot connect to {closed_port()}: ")
    assert "See --url, --instance and JUSTIN_URL." in result.err


def test_the_version_is_told_without_a_server(run: Run) -> None:
    result = run("version", "--url", closed_port())

    assert (result.code, result.out.split()[0]) == (0, "client")
    assert "The server's version is not known" in result.err


def test_not_found(run: Run, url: str) -> None:
    assert run("show-jobscript", "--workflow-id", 5).code == 23
    assert run("fetch-logs", "--jobsub-id", "1.0@nowhere").code == 23


def test_not_allowed(run: Run, server: MockServer, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server.refuse("not_allowed", "workflow 1 is another user's")

    result = run("finish-workflow", "--workflow-id", 1)

    assert (result.code, result.err.splitlines()) == (
        22,
        [
            "justin finish-workflow: workflow 1 is another user's",
            "'justin whoami' says whom the server takes you for.",
        ],
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["no-such-command"], "No such command"),
        (["whoami", "--no-such-option"], "No such option"),
        (["submit-workflow"], "--workflow-id ID or --workflow-id-file FILE"),
        (["show-jobs", "--state", "lost"], "Invalid value for '--state'"),
        (["show-files", "--workflow-id", "0"], "Invalid value for '--workflow-id'"),
        (["fetch-logs"], "--jobsub-id ID, --workflow-id ID"),
    ],
)
def test_usage(run: Run, arguments: list[str], complaint: str) -> None:
    result = run(*arguments)

    assert (result.code, result.out) == (2, "")
    assert complaint in result.err


def test_a_bad_configuration_is_told(run: Run) -> None:
    result = run("whoami", "--instance", "nowhere")

    assert result.code == 1
    assert "gives no address of an instance 'nowhere'" in result.err


def test_options_of_the_environment_stand_after_the_subcommand(
    run: Run, server: MockServer, url: str, jobscript: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUSTIN_OPTIONS", f"--description 'two words' --jobscript {jobscript} --processors 3")

    assert run("simple-workflow", "--mql", QUERY, "--processors", 2).code == 0

    assert server.world.workflow(1).view.description == "two words"
    assert server.world.workflow(1).stages[0].processors == 2
    assert run("--help").code == 0


def test_broken_options_of_the_environment_are_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUSTIN_OPTIONS", "--name 'open")

    result = run("whoami")

    assert (result.code, result.err) == (2, "justin: JUSTIN_OPTIONS cannot be read: No closing quotation\n")


def test_no_traceback_unless_asked_for(url: str) -> None:
    quiet = subprocess.run([*COMMAND, "show-stages", "--workflow-id", "5"], capture_output=True, text=True, check=False)
    verbose = subprocess.run(
        [*COMMAND, "show-stages", "--workflow-id", "5", "-v"], capture_output=True, text=True, check=False
    )

    assert quiet.stderr == "justin show-stages: there is no workflow 5\n"
    assert f"GET {url}/api/v1/workflows/5/stages: 404" in verbose.stderr
    assert "Traceback" in verbose.stderr
    assert quiet.returncode == verbose.returncode == 23


def test_what_other_people_wrote_does_not_steer_the_terminal(run: Run, server: MockServer, url: str) -> None:
    run("create-workflow", "--mql", QUERY, "--name", "\x1b[2Jgone\nnext")

    assert "\x1b" not in run("show-workflows").out
    assert len(run("show-workflows").out.splitlines()) == 2


def test_watching_tells_each_change_and_how_it_ended(run: Run, server: MockServer, url: str, jobscript: Path) -> None:
    run("simple-workflow", "--mql", QUERY, "--jobscript", jobscript)
    server.process(1, count=2)

    late = run("watch", 1, "--timeout-seconds", 0)
    assert (late.code, late.err) == (5, "justin watch: the workflow is running after waiting for 0 s\n")
    assert late.out.endswith("UTC  Workflow 1 is running  stage 1: 2/5\n")

    server.process(1)
    ended = run("watch", 1)
    assert ended.code == 0
    assert ended.out.endswith("UTC  Workflow 1 is finished  stage 1: 5/5\n")


def test_watching_a_workflow_that_lost_files(run: Run, server: MockServer, url: str, jobscript: Path) -> None:
    run("simple-workflow", "--mql", QUERY, "--jobscript", jobscript)
    run("fail-files", "--workflow-id", 1)

    result = run("watch", 1, "--json")

    assert result.code == 3
    assert result.out.startswith("{")


def test_a_reader_that_stops_reading_is_no_error(server: MockServer, url: str, run: Run, jobscript: Path) -> None:
    run("simple-workflow", "--monte-carlo", 20_000, "--jobscript", jobscript)

    pipe = f"{' '.join(COMMAND)} show-files --workflow-id 1 --limit 20000 | head -n 1"
    done = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("File ")
    assert done.stderr == ""


def test_interruption_is_clean(server: MockServer, url: str, run: Run, jobscript: Path) -> None:
    run("simple-workflow", "--mql", QUERY, "--jobscript", jobscript)

    with subprocess.Popen([*COMMAND, "watch", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        assert "is running" in watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        out, err = watch.communicate(timeout=30)

    assert (watch.returncode, out, err) == (130, "", "\njustin watch: interrupted\n")


def test_on_a_terminal_there_are_bars_and_rules(server: MockServer, url: str, run: Run, jobscript: Path) -> None:
    run("simple-workflow", "--mql", QUERY, "--jobscript", jobscript)
    server.process(1)

    assert "─" in on_terminal("show-workflows")
    shown = on_terminal("watch", "1")
    assert "Workflow 1 is finished" in shown
    assert "5/5" in shown


def test_a_narrow_terminal_gets_fewer_columns(server: MockServer, url: str, run: Run, jobscript: Path) -> None:
    run("simple-workflow", "--mql", QUERY, "--jobscript", jobscript)
    server.process(1)

    narrow, wide = (on_terminal("show-jobs", columns=columns) for columns in (100, 200))

    assert "Not shown for want of room: Submitted (UTC), Started (UTC), Memory, Logs." in narrow
    assert max(len(line) for line in narrow.splitlines() if "mock" in line) < 100
    assert "Started (UTC)" in wide
    assert "Message" not in wide


def on_terminal(*arguments: str, columns: int = 100) -> str:
    """Run a command on a terminal of its own, and give what appears there."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns)}
    with subprocess.Popen([*COMMAND, *arguments], stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    assert process.returncode == 0, shown.decode()
    return shown.decode()

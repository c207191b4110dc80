"""`justin diff`: what people see of it, with colours on terminals only."""

import sys

import pytest

from justin import Client, OutputSpec, StageSpec, WorkflowSpec
from justin.testing import MockServer
from tests.justin.conftest import DIDS, QUERY, Run

JOBSCRIPT = "#!/bin/sh\necho 'ünïcode' && exit 0\n"


@pytest.fixture(autouse=True)
def _workflows(url: str, client: Client, server: MockServer) -> None:
    """Two of the same, of which one has been processed, one that is unlike them, and one without stages."""
    stage = StageSpec(jobscript=JOBSCRIPT, outputs=[OutputSpec(pattern="*.root", lifetime_days=7)])
    script = JOBSCRIPT.replace("exit 0", "exit 1")
    other = stage.model_copy(update={"jobscript": script, "rss_mib": 4000, "environment": {"A": "b", "EMPTY": ""}})
    for each in (stage, stage, other):
        client.create_workflow(WorkflowSpec(mql=QUERY, stages=[each]), submit=True)
    client.create_workflow(WorkflowSpec(mql=QUERY))
    server.process(1)


def rows(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines()]


def test_workflows_that_do_not_differ_say_so_in_one_line(run: Run) -> None:
    assert run("diff", 2, 2).out == "Workflows 2 and 2 do not differ.\n"


def test_what_became_of_the_same_definition(run: Run) -> None:
    shown = run("diff", 1, 2)

    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("Workflows 1 and 2 ask for the same.\n")
    assert ["files", "processed", str(len(DIDS)), "0"] in rows(shown.out)
    assert ["usage", "median_cpu_efficiency", "100.0%", "-"] in rows(shown.out)
    assert ["made", "p1", "size_bytes", "4.9", "KiB", "0", "B"] in rows(shown.out)
    assert "processors" not in shown.out


def test_what_differs_is_shown_and_the_rest_with_all(run: Run) -> None:
    shown = run("diff", 2, 3)

    assert shown.out.startswith("Workflows 2 and 3 differ.\n\nStage 1\n")
    assert ["resources", "rss_mib", "2000", "4000"] in rows(shown.out)
    assert ["environment", "A", "-", "b"] in rows(shown.out)
    assert ["environment", "EMPTY", "-", '""'] in rows(shown.out)
    assert "\n-echo 'ünïcode' && exit 0\n+echo 'ünïcode' && exit 1\n" in shown.out
    assert "\x1b" not in shown.out
    everything = rows(run("diff", 2, 3, "--all").out)
    assert ["resources", "processors", "1", "1", "yes"] in everything
    assert ["resources", "rss_mib", "2000", "4000", "no"] in everything


def test_a_stage_that_one_has_alone_is_named(run: Run) -> None:
    assert "\nStage 1 is in workflow 3 alone.\n" in run("diff", 3, 4).out
    assert "rss_mib" not in run("diff", 3, 4).out
    assert ["resources", "rss_mib", "-", "4000", "no"] in rows(run("diff", 4, 3, "--all").out)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_terminal_gets_colours_unless_its_owner_wants_none(
    run: Run, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not wanted:
        monkeypatch.setenv("NO_COLOR", "1")

    shown = run("diff", 2, 3).out

    assert ("\x1b[31m-echo" in shown, "\x1b[32m+echo" in shown) == (wanted, wanted)


@pytest.mark.parametrize(("arguments", "code"), [([1, 99], 23), ([0, 1], 2), (["one", 2], 2), ([1], 2)])
def test_what_is_no_workflow_is_an_error(run: Run, arguments: list[object], code: int) -> None:
    failed = run("diff", *arguments)

    assert (failed.code, failed.out) == (code, "")
    assert failed.err

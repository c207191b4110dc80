"""A running job's log is followed by its end, which is all that is kept of it."""

from collections.abc import Iterator

import pytest

from justin import JobState, Patience, StageSpec, WorkflowSpec, errors
from justin.following import LOST, new_part
from justin.testing import MockServer
from tests.justin.conftest import Run


@pytest.mark.parametrize(
    ("shown", "text", "new"),
    [
        ("", "", ""),
        ("", "one\n", "one\n"),
        ("one\n", "one\n", ""),
        ("one\n", "one\ntwo\n", "two\n"),
        ("one\ntwo\n", "two\nthree\n", "three\n"),
        ("one\ntwo\n", "two\n", ""),
        ("x\nx\nx\n", "x\nx\nx\nx\n", "x\n"),
        ("a\nx\nx\n", "x\nx\nb\n", "b\n"),
        ("one\n", "five\nsix\n", f"{LOST}five\nsix\n"),
    ],
)
def test_only_what_is_new_is_shown(shown: str, text: str, new: str) -> None:
    assert new_part(shown, text) == new


@pytest.fixture
def running(server: MockServer) -> str:
    """A job that has not ended."""
    with server.client() as client:
        spec = WorkflowSpec(mql="monte-carlo 1", stages=[StageSpec(jobscript="#!/bin/sh\n")])
        server.process(client.create_workflow(spec, submit=True).workflow_id)
    change(server, state=JobState.PROCESSING, finished_at=None)
    return server.world.jobs[0].jobsub_id


def change(server: MockServer, **fields: object) -> None:
    server.world.jobs[0] = server.world.jobs[0].model_copy(update=fields)


def test_a_log_is_followed_until_the_job_ends(server: MockServer, running: str) -> None:
    server.world.logs[running] = "one\n"
    with server.client() as client:
        pieces: Iterator[str] = client.follow_log(running, poll_seconds=0)
        assert next(pieces) == "one\n"
        server.world.logs[running] = "one\ntwo\n"
        assert next(pieces) == "two\n"
        server.world.logs[running] = "two\nthree\n"
        change(server, state=JobState.FINISHED)
        assert list(pieces) == ["three\n"]


def test_following_outlasts_an_outage_up_to_a_limit(server: MockServer, running: str) -> None:
    server.world.logs[running] = "one\n"
    change(server, state=JobState.FINISHED)
    with server.client(Patience(tries=1)) as client:
        server.break_down(3)
        assert list(client.follow_log(running, poll_seconds=0)) == ["one\n"]
        server.break_down(1)
        with pytest.raises(errors.Unavailable):
            list(client.follow_log(running, poll_seconds=0, outage_seconds=0))


def test_logs_are_printed(server: MockServer, running: str, url: str, run: Run) -> None:
    server.world.logs[running] = "one\ttwo\n"
    assert run("logs", running).out == "one\ttwo\n"
    change(server, state=JobState.FINISHED)
    assert run("logs", running, "--follow").out == "one\ttwo\n"
    assert run("logs", running, "--kind", "pool").code == 23
    assert run("logs", "1.0@nowhere", "--follow").code == 23

"""PostgreSQL goes away under the services: callers are told to come back, and whether anything may have been done."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from engine import wiring
from engine.runtime import Runtime
from justin.client import Client
from justin.errors import Unavailable
from justin.schemas.specs import CampaignSpec
from justin.transport import Patience
from localgrid import postgres
from models import database
from models.jobs import Job
from services.allocator.app import create_app as create_allocator
from services.api.app import create_app as create_api
from tests.support.runtimes import out_of_reach
from tests.support.serving import serving
from tests.support.signed_job import SignedJob
from tests.support.waiting import wait_until

JOB = Job(jobsub_id="1.0@here", secret="a" * 64, jobscript_secret="b" * 64)


@pytest.fixture
def stopped_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """A runtime whose PostgreSQL served it and was stopped."""
    monkeypatch.delenv(postgres.URL_VARIABLE, raising=False)
    with ExitStack() as stack:
        server = stack.enter_context(postgres.running(tmp_path / "postgres", fast=True))
        opened = database.connect(server.create_database("lost"))
        database.upgrade(opened)
        opened.close()
        runtime = wiring.assemble(out_of_reach(server.url("lost")))
        stack.close()
        yield runtime
        runtime.database.close()


def away(reply: httpx.Response) -> dict[str, Any]:
    problem: dict[str, Any] = reply.json()
    assert reply.headers["content-type"] == "application/problem+json"
    assert (problem["code"], problem["title"]) == ("unavailable", "PostgreSQL does not answer")
    assert problem["status"] == reply.status_code
    return problem


def test_everybody_is_told_to_come_back(stopped_runtime: Runtime) -> None:
    with serving(create_api(stopped_runtime)) as api, serving(create_allocator(stopped_runtime)) as allocator:
        job = SignedJob.of(allocator, JOB)
        replies = [
            httpx.get(f"{api}/health"),
            httpx.get(f"{api}/api/v1/workflows"),
            httpx.post(f"{api}/api/v1/campaigns", json={"name": "spring"}),
            *(job.call(method) for method in ("get_jobscript", "get_file", "send_heartbeat", "record_results")),
        ]
    for reply in replies:
        away(reply)
    assert {(reply.status_code, reply.headers["retry-after"]) for reply in replies} == {(503, "5")}


def test_client_repeats_and_says_what_is_wrong(stopped_runtime: Runtime) -> None:
    patience = Patience(tries=2, first_pause_seconds=0.01, longest_pause_seconds=0.01)
    with (
        serving(create_api(stopped_runtime)) as api,
        Client(api, patience=patience) as client,
        pytest.raises(Unavailable, match="PostgreSQL does not answer"),
    ):
        client.create_campaign(CampaignSpec(name="spring"))


def test_what_was_cut_off_while_it_acted_may_have_been_done(fresh_runtime: Runtime, database_url: str) -> None:
    with (
        serving(create_api(fresh_runtime)) as api,
        psycopg.connect(database_url) as blocker,
        ThreadPoolExecutor(1) as pool,
    ):
        blocker.execute("LOCK TABLE campaigns IN ACCESS EXCLUSIVE MODE")
        making = pool.submit(httpx.post, f"{api}/api/v1/campaigns", json={"name": "spring"}, timeout=60)
        cut_off(database_url)
        assert (making.result().status_code, "look first" in away(making.result())["detail"]) == (504, True)
        listing = pool.submit(httpx.get, f"{api}/api/v1/campaigns", timeout=60)
        cut_off(database_url)
        away(listing.result())
        assert listing.result().status_code == 503


def cut_off(url: str) -> None:
    """End the connection that waits for a lock, as a server that goes down does; wait until there is one."""
    statement = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        wait_until(lambda: connection.execute(statement).fetchall())

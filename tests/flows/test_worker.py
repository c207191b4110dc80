"""The worker and a real Prefect server: agents run, show what they did, and survive whatever dies."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlmodel import select

from engine.event_settings import Publisher
from flows.worker.deployments import deployments
from justin.schemas.views import EventView
from justin.states import EventType
from models import database, seed
from models.database import Database
from models.files import File
from models.workflows import Workflow
from tasks.prefect_events import PrefectEvents
from tests.flows.conftest import Prefect, Worker, wait_until
from tests.support.makers import make_job, make_stage, make_workflow

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(600)]

AGENTS = {str(deployment["name"]) for deployment in deployments()}


@pytest.fixture
def own_database(database_url: str) -> Iterator[Database]:
    opened = database.connect(database_url)
    yield opened
    opened.close()


@pytest.fixture
def black_hole() -> Iterator[str]:
    """The address of a server that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def submit(opened: Database, mql: str) -> int:
    with database.session(opened) as session:
        seed.ensure_monte_carlo(session)
        workflow = make_workflow(session, mql=mql, refind_next_at=datetime.now(UTC))
        make_stage(session, workflow)
        assert workflow.workflow_id is not None
        return workflow.workflow_id


def count_files(opened: Database, workflow_id: int) -> int:
    with database.session(opened) as session:
        return len(session.exec(select(File.file_id).where(File.workflow_id == workflow_id)).all())


def test_every_agent_runs_and_shows_what_it_did(prefect: Prefect, worker: Worker, own_database: Database) -> None:
    failed_before = prefect.agents("FAILED", "CRASHED")
    worker.start()
    prefect.run(*AGENTS)
    wait_until(lambda: set(prefect.agents("COMPLETED")) == AGENTS)
    asked_for = [run["id"] for run in prefect.runs() if not run["auto_scheduled"]]
    workflow_id = submit(own_database, "monte-carlo 3")
    wait_until(lambda: count_files(own_database, workflow_id) == 3)
    # The database said that there is work, and the worker did not wait for the schedule.
    assert any(run["id"] not in asked_for for run in prefect.runs() if not run["auto_scheduled"])
    wait_until(lambda: any(each["key"] == "finder" for each in prefect.ask("artifacts/latest/filter")))
    # No site is known, and the job factory shows that it can do nothing.
    prefect.run("job_factory")
    wait_until(lambda: any("no_place" in each["data"] for each in prefect.ask("artifacts/latest/filter")))
    wait_until(lambda: any(each["name"] == "engine.finder" for each in prefect.ask("logs/filter", limit=200)))
    assert failed_before == prefect.agents("FAILED", "CRASHED")


def test_prefect_is_told_of_events_and_acts_on_them(prefect: Prefect) -> None:
    prefect.ask(
        "automations/",
        name="justin-paused-by-a-rule",
        trigger={
            "type": "event",
            "posture": "Reactive",
            "expect": ["justin.paused_none_processed"],
            "match": {"prefect.resource.id": "justin.test.workflow.*"},
            "threshold": 1,
            "within": 0,
        },
        actions=[{"type": "do-nothing"}],
    )
    told = [an_event(number, EventType.PAUSED_NONE_PROCESSED) for number in (1, 2)]
    with temporary_settings({PREFECT_API_URL: f"{prefect.url}/api"}):
        sink = PrefectEvents(Publisher(), "TEST")
        # What comes again is known.
        for _ in range(2):
            sink.send([*told, an_event(3, EventType.FILE_PROCESSED)])

    def seen(prefix: str) -> list[dict[str, Any]]:
        filters = {"event": {"prefix": [prefix]}}
        found: list[dict[str, Any]] = prefect.ask("events/filter", filter=filters, limit=50)["events"]
        return found

    wait_until(lambda: seen("prefect.automation.action.executed"))
    mine = seen("justin.")
    assert sorted(each["payload"]["event_id"] for each in mine) == [1, 2]
    assert {each["resource"]["prefect.resource.id"] for each in mine} == {"justin.test.workflow.7"}


def an_event(event_id: int, event_type: EventType) -> EventView:
    unknown = dict.fromkeys(EventView.model_fields)
    known = {"event_id": event_id, "event_type": event_type, "time": datetime.now(UTC), "actor": "problems"}
    return EventView.model_validate({**unknown, **known, "workflow_id": 7, "details": {"message": "look"}})


def test_a_failing_cycle_says_so(prefect: Prefect, worker: Worker, own_database: Database) -> None:
    with database.session(own_database) as session:
        make_job(session)
    worker.start(JUSTIN_POOL__DIRECTORY="/nowhere")
    prefect.run("job_watch")
    wait_until(lambda: "job_watch" in prefect.agents("FAILED"))
    assert "/nowhere" in str([run["state"]["message"] for run in prefect.runs("FAILED")])


def test_what_a_killed_worker_left_is_ended_by_the_next(
    prefect: Prefect, worker: Worker, own_database: Database, black_hole: str
) -> None:
    workflow_id = submit(own_database, "files from usertests:nothing")
    worker.start(JUSTIN_METACAT__URL=black_hole)
    wait_until(lambda: "finder" in prefect.agents("RUNNING"))
    worker.kill()
    stuck = prefect.agents("RUNNING")["finder"]
    worker.start()
    wait_until(lambda: stuck in [run["id"] for run in prefect.runs("CRASHED")])

    def is_found() -> bool:
        with database.session(own_database) as session:
            return session.get_one(Workflow, workflow_id).refind_next_at is None

    wait_until(is_found)


def test_a_worker_that_is_told_to_stop_lets_its_cycles_end(
    prefect: Prefect, worker: Worker, own_database: Database
) -> None:
    worker.start()
    prefect.run("finder", "outputs", "completion")
    wait_until(lambda: "Beginning flow run" in worker.log)
    worker.stop()
    assert prefect.agents("RUNNING", "PENDING") == {}

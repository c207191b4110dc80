"""Events are told to everybody, in order, at least once: through refusals, outages and kills."""

import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine import publisher
from engine.adapters import event_sinks
from engine.adapters.event_file import EventFile
from engine.event_settings import Publisher, Webhook
from engine.publisher import Published
from engine.runtime import Runtime
from engine.sinks import Delivery
from justin.schemas.views import EventView
from justin.states import EventType, WorkflowState
from models import database, events, leases, moves, sinks
from models.database import Database
from models.moves import Reason
from models.queries import events as stored
from models.queries.events import EventFilter
from models.statements import raw_connection
from tests.support import publishing
from tests.support.event_receivers import (
    ALL_BUSY,
    CUT,
    GARBAGE,
    HALF_BUSY,
    SECRET,
    SLOW,
    BulkServer,
    Fault,
    WebhookServer,
)
from tests.support.makers import key, make_workflow
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
KILLS = 20
AT_ONCE: dict[str, Any] = {"first_retry_seconds": 0.0001, "last_retry_seconds": 0.0001, "timeout_seconds": 1.0}


@pytest.fixture
def index() -> Iterator[BulkServer]:
    with BulkServer() as server:
        yield server


@pytest.fixture
def webhook() -> Iterator[WebhookServer]:
    with WebhookServer() as server:
        yield server


@pytest.fixture
def with_sinks(fresh_runtime: Runtime) -> Callable[..., Runtime]:
    """Make a runtime with those who are told of events."""

    def make(**options: Any) -> Runtime:
        chosen = Publisher(**(AT_ONCE | options))
        settings = fresh_runtime.settings.model_copy(update={"publisher": chosen, "instance": "TEST"})
        return replace(fresh_runtime, settings=settings, sinks=event_sinks.made(chosen, "TEST"))

    return make


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    return file


def add(runtime: Runtime, count: int = 1, message: str = "") -> None:
    with runtime.session() as session:
        for _ in range(count):
            events.add(session, EventType.WORKFLOW_CREATED, Reason("tester", message))


def all_ids(runtime: Runtime) -> list[int]:
    with runtime.session() as session:
        return [each.event_id for each in stored.list_events(session, EventFilter(), 100_000, oldest_first=True)]


def publish(runtime: Runtime) -> Published:
    (sink,) = runtime.sinks
    return publisher.publish(runtime, sink)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def dead_letters(runtime: Runtime) -> list[tuple[int, str]]:
    with runtime.session() as session:
        query = b"SELECT event_id, reason FROM refused_events ORDER BY event_id"
        return [(row[0], row[1]) for row in raw_connection(session).execute(query).fetchall()]


def test_a_file_gets_a_line_for_each_event(with_sinks: Callable[..., Runtime], tmp_path: Path) -> None:
    runtime = with_sinks(file=tmp_path / "log" / "events.jsonl", batch=3)
    with runtime.session() as session:
        workflow_id = key(make_workflow(session).workflow_id)
        because = Reason("alice", "looks bad", source=None)
        moves.move_workflows(session, [workflow_id], WorkflowState.PAUSED, because)
    add(runtime, 9)
    done = publish(runtime)
    assert (done.events, done.last_event_id, done.problem) == (10, 10, "")
    told = lines(tmp_path / "log" / "events.jsonl")
    assert [each["event_id"] for each in told] == all_ids(runtime)
    assert told[0] == told[0] | {
        "instance": "TEST",
        "event_type": "workflow_paused",
        "workflow_id": workflow_id,
        "actor": "alice",
        "message": "looks bad",
    }
    assert not publish(runtime)
    add(runtime)
    assert publish(runtime).events == 1


def test_a_torn_line_is_cut_off_and_comes_again(with_sinks: Callable[..., Runtime], tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    runtime = with_sinks(file=file)
    add(runtime, 2)
    publish(runtime)
    with file.open("ab") as torn:
        torn.write(b'{"event_id":3,"details":"' + b"x" * 100_000)
    add(runtime)
    publish(runtime)
    assert [each["event_id"] for each in lines(file)] == [1, 2, 3]


def test_a_large_file_moves_aside(with_sinks: Callable[..., Runtime], tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    runtime = with_sinks(file=file, batch=1, file_max_bytes=300, file_keep=3)
    add(runtime, 9)
    publish(runtime)
    kept = sorted(path.name for path in tmp_path.glob("events.jsonl*") if path.suffix != ".lock")
    assert kept == ["events.jsonl", "events.jsonl.1", "events.jsonl.2", "events.jsonl.3"]
    oldest_first = [tmp_path / name for name in reversed(kept)]
    ids = [each["event_id"] for path in oldest_first for each in lines(path)]
    assert ids == list(range(ids[0], 10))


def test_a_file_that_another_writes_is_left_alone(with_sinks: Callable[..., Runtime], tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    runtime = with_sinks(file=file)
    add(runtime)
    with EventFile(file, 1000, 1, "")._locked():
        assert "The file of events" in publish(runtime).problem
    assert publish(runtime).events == 1


def test_an_index_gets_a_document_for_each_event(
    with_sinks: Callable[..., Runtime], index: BulkServer, secret_file: Path
) -> None:
    runtime = with_sinks(index_urls=[index.url], index_username="justin", index_password_file=secret_file, batch=4)
    add(runtime, 10, "one\u2028two")
    assert publish(runtime).events == 10
    assert index.arrivals == all_ids(runtime)
    with runtime.session() as session:
        (newest,) = stored.list_events(session, EventFilter(), 1)
    document = index.documents[f"justin-events-{newest.time:%Y.%m}", "TEST-10"]
    assert EventView.model_validate(document) == newest
    (template,) = index.templates.values()
    assert template["index_patterns"] == ["justin-events-*"]
    assert set(document) == set(template["template"]["mappings"]["properties"])
    assert all(each.startswith("Basic ") for each in index.authorizations)


def test_a_misbehaving_index_gets_all_in_the_end(with_sinks: Callable[..., Runtime], index: BulkServer) -> None:
    runtime = with_sinks(index_urls=[index.url], batch=10)
    faults: list[Fault] = [429, 500, 503, 401, CUT, SLOW, GARBAGE, HALF_BUSY, ALL_BUSY]
    for number, fault in enumerate(faults, start=1):
        add(runtime, 25)
        index.faults = [fault, fault]
        assert "The index of events" in publish(runtime).problem, fault
        wait_until(lambda last=25 * number: publish(runtime).last_event_id == last)  # type: ignore[misc]
        assert index.event_ids == set(range(1, 25 * number + 1)), fault
    assert len(index.documents) == 25 * len(faults)
    assert dead_letters(runtime) == []


def test_documents_that_do_not_fit_are_set_aside_and_hold_nothing_up(
    with_sinks: Callable[..., Runtime], index: BulkServer
) -> None:
    runtime = with_sinks(index_urls=[index.url], batch=10)
    add(runtime, 12)
    index.unfit = {3: "mapper_parsing_exception", 12: "document_parsing_exception"}
    assert publish(runtime).refused == 2
    assert index.event_ids == set(range(1, 13)) - {3, 12} | {13, 14}
    assert [event_id for event_id, _ in dead_letters(runtime)] == [3, 12]
    with runtime.session() as session:
        told = stored.list_events(session, EventFilter(event_type=EventType.EVENT_REFUSED), 10, oldest_first=True)
    assert [(each.details or {})["event_id"] for each in told] == [3, 12]
    assert "it does not fit" in (told[0].details or {})["message"]


def test_a_refused_word_of_a_refusal_makes_no_other(with_sinks: Callable[..., Runtime], index: BulkServer) -> None:
    runtime = with_sinks(index_urls=[index.url])
    add(runtime)
    index.unfit = dict.fromkeys(range(1, 100), "mapper_parsing_exception")
    for _ in range(5):
        publish(runtime)
    assert all_ids(runtime) == [1, 2]
    assert [event_id for event_id, _ in dead_letters(runtime)] == [1, 2]


def test_a_full_cluster_is_waited_for(with_sinks: Callable[..., Runtime], index: BulkServer) -> None:
    """It answers 400, as for a document that does not fit."""
    runtime = with_sinks(index_urls=[index.url])
    add(runtime, 3)
    index.unfit = {2: "validation_exception"}
    assert "validation_exception" in publish(runtime).problem
    index.unfit = {}
    wait_until(lambda: publish(runtime).last_event_id == 3)
    assert dead_letters(runtime) == []


def test_a_batch_that_is_too_large_is_sent_in_parts(with_sinks: Callable[..., Runtime], index: BulkServer) -> None:
    runtime = with_sinks(index_urls=[index.url])
    index.most_bytes = 3000
    add(runtime, 20)
    add(runtime, 1, "x" * 5000)
    add(runtime, 4)
    done = publish(runtime)
    assert (done.events, done.refused) == (25, 1)
    assert dead_letters(runtime) == [(21, "too large for one request")]
    assert index.arrivals == [event_id for event_id in range(1, 27) if event_id != 21]


def test_a_webhook_gets_what_it_wants_signed(
    with_sinks: Callable[..., Runtime], webhook: WebhookServer, secret_file: Path
) -> None:
    wanted = [EventType.WORKFLOW_CREATED]
    hook = Webhook(name="chat", url=webhook.url, secret_file=secret_file, event_types=wanted)
    runtime = with_sinks(webhooks=[hook], batch=5)
    with runtime.session() as session:
        events.add(session, EventType.CAMPAIGN_CREATED, Reason("tester"))
    add(runtime, 7)
    assert publish(runtime).last_event_id == 8
    assert webhook.arrivals == list(range(2, 9))
    assert {body["instance"] for body in webhook.bodies} == {"TEST"}
    secret_file.write_text("wrong")
    add(runtime)
    assert "401" in publish(runtime).problem
    secret_file.write_text(SECRET)
    wait_until(lambda: publish(runtime).last_event_id == 9)


def test_a_misbehaving_webhook_gets_all_in_the_end(
    with_sinks: Callable[..., Runtime], webhook: WebhookServer, secret_file: Path
) -> None:
    hook = Webhook(name="chat", url=webhook.url, secret_file=secret_file)
    runtime = with_sinks(webhooks=[hook], batch=8)
    webhook.faults = [500, CUT, 302, 404, 429]
    webhook.most_events = 3
    webhook.unfit = {6}
    add(runtime, 10)
    wait_until(lambda: publish(runtime).last_event_id == 11)
    assert webhook.arrivals == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11]
    assert dead_letters(runtime) == [(6, "422 Unprocessable Entity")]


def test_one_that_does_not_answer_holds_up_no_other(
    with_sinks: Callable[..., Runtime], index: BulkServer, tmp_path: Path
) -> None:
    runtime = with_sinks(index_urls=[index.url], file=tmp_path / "events.jsonl")
    index.faults = [503]
    add(runtime, 3)
    done = {sink.name: publisher.publish(runtime, sink) for sink in runtime.sinks}
    assert (done["file"].events, done["index"].events) == (3, 0)
    with runtime.session() as session:
        assert sinks.published_to(session, ["file", "index"]) == 0
        assert sinks.published_to(session, ["file"]) == 3


def test_pauses_after_failures_grow(with_sinks: Callable[..., Runtime], index: BulkServer) -> None:
    runtime = with_sinks(index_urls=[index.url], first_retry_seconds=1000, last_retry_seconds=5000)
    add(runtime)
    index.faults = [503] * 10
    assert publish(runtime).problem
    assert not publish(runtime)
    assert index.requests == 1
    pauses = []
    for _ in range(3):
        with runtime.session() as session:
            sinks.put_off(session, "index", "again", 1000, 5000)
            query = b"SELECT extract(epoch FROM next_attempt_at - clock_timestamp())::int FROM event_sinks"
            pauses.append(raw_connection(session).execute(query).fetchall()[0][0])
    assert pauses == [pytest.approx(2000, abs=5), pytest.approx(4000, abs=5), pytest.approx(5000, abs=5)]


def test_of_two_publishers_one_tells(with_sinks: Callable[..., Runtime], tmp_path: Path) -> None:
    runtime = with_sinks(file=tmp_path / "events.jsonl")
    add(runtime)
    with runtime.session() as session:
        leases.take(session, "publisher:file", "another", 60)
    assert not publish(runtime)
    with runtime.session() as session:
        leases.release(session, "publisher:file", "another")
    assert publish(runtime).events == 1


def test_one_who_was_overtaken_does_not_go_back(with_sinks: Callable[..., Runtime], tmp_path: Path) -> None:
    runtime = with_sinks(file=tmp_path / "events.jsonl")
    add(runtime, 5)

    class Slow:
        name = "file"

        def send(self, _: Sequence[EventView]) -> Delivery:
            with runtime.session() as session:
                sinks.advance(session, "file", 0, 3)
            return Delivery()

    assert publisher.publish(runtime, Slow()).problem == "another publisher is telling it"
    with runtime.session() as session:
        assert sinks.progress(session, "file").event_id == 3


def test_kills_lose_nothing_and_repeat_a_batch_at_most(database_url: str, tmp_path: Path, index: BulkServer) -> None:
    file = tmp_path / "events.jsonl"
    opened = database.connect(database_url)
    stop = threading.Event()
    writers = [threading.Thread(target=_write, args=(opened, stop, index, number)) for number in range(2)]
    for writer in writers:
        writer.start()
    arguments = [database_url, str(file), index.url, str(KILLS)]
    subprocess.run([sys.executable, "-m", "tests.support.publishing", *arguments], cwd=ROOT, timeout=200, check=True)
    stop.set()
    for writer in writers:
        writer.join()
    runtime = publishing.assemble(database_url, file, index.url)
    ids = all_ids(runtime)
    for sink in runtime.sinks:
        wait_until(lambda sink=sink: publisher.publish(runtime, sink).last_event_id == ids[-1])  # type: ignore[misc]
    runtime.database.close()
    opened.close()
    assert index.event_ids == set(ids)
    _check_told(ids, index.arrivals)
    files = sorted(tmp_path.glob("events.jsonl.*[0-9]"), key=lambda path: -int(path.suffix[1:]))
    _check_told(ids, [each["event_id"] for path in (*files, file) for each in lines(path)])


def _write(opened: Database, stop: threading.Event, index: BulkServer, number: int) -> None:
    """Write events for as long as publishers are killed, in slow transactions, and never far ahead of them.

    There are two who write: more than half of what was told would leave a backlog that grows with every kill.
    """
    dice, written = random.Random(number), 0
    while not stop.wait(dice.uniform(0, 0.02)):
        if 2 * written > len(index.documents) + publishing.BATCH:
            continue
        with database.session(opened) as session:
            for _ in range(dice.randint(1, 8)):
                events.add(session, EventType.WORKFLOW_CREATED, Reason("tester"))
                written += 1
            stop.wait(dice.uniform(0, 0.004))


def _check_told(ids: list[int], told: list[int]) -> None:
    """Each was told, first in order; a kill has repeated what was told last and no more."""
    assert set(told) == set(ids)
    assert list(dict.fromkeys(told)) == ids
    assert len(told) - len(ids) <= KILLS * publishing.BATCH
    position = {event_id: place for place, event_id in enumerate(ids)}
    assert all(position[after] > position[before] - publishing.BATCH for before, after in zip(told, told[1:]))  # noqa: B905, RUF007  one shorter

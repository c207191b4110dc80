"""Events in partitions: made ahead, filled from what had no place, dropped; and a table of before taken over."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import pytest
from alembic import command

from justin.states import EventType
from models import database, events, migrations, partitions
from models.database import Database, Session
from models.moves import Reason
from models.partitions import TableInUse
from models.queries import events as stored
from models.queries.events import EventFilter
from models.statements import raw_connection

BEFORE = "0010"
ADD = "INSERT INTO events (event_type, time, actor, workflow_id) VALUES ('workflow_created', %s, %s, 7)"


def ask(opened: Database, statement: LiteralString, *parameters: object) -> list[tuple[Any, ...]]:
    with database.session(opened) as session:
        cursor = raw_connection(session).execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def known(opened: Database) -> list[partitions.Partition]:
    with database.session(opened) as session:
        return partitions.several(session)


def in_default(opened: Database) -> int:
    return int(ask(opened, "SELECT count(*) FROM events_default")[0][0])


def test_what_happens_now_has_a_partition_and_so_have_the_next_months(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        events.add(session, EventType.WORKFLOW_CREATED, Reason("tester"))
    assert in_default(fresh_database) == 0
    assert known(fresh_database)[0].since is None
    assert known(fresh_database)[-1].until > datetime.now(UTC) + timedelta(days=80)


def test_partitions_follow_each_other(fresh_database: Database) -> None:
    found = known(fresh_database)
    assert [each.since for each in found[1:]] == [each.until for each in found[:-1]]
    months = partitions.months_ahead(found[-1].until, 13)
    assert months[0][0] == found[-1].until
    assert all(one[1] == other[0] and one[0].day == 1 for one, other in itertools.pairwise(months))


def test_a_new_partition_takes_what_had_no_place(fresh_database: Database) -> None:
    since = known(fresh_database)[-1].until
    (month,) = partitions.months_ahead(since, 0)
    for moment in (month[0], month[1] - timedelta(seconds=1), month[1]):
        ask(fresh_database, ADD, moment, "tester")
    assert in_default(fresh_database) == 3
    name = partitions.make(fresh_database, *month)
    assert in_default(fresh_database) == 1
    assert name == f"events_{since:%Y_%m}"
    with database.session(fresh_database) as session:
        assert len(stored.list_events(session, EventFilter(workflow_id=7), 10)) == 3
        assert partitions.last_event(session, known(fresh_database)[-1]) == 2


def test_a_dropped_partition_takes_its_events_with_it(fresh_database: Database) -> None:
    second = known(fresh_database)[1]
    assert second.since
    ask(fresh_database, ADD, second.since, "tester")
    ask(fresh_database, ADD, second.until, "tester")
    partitions.drop(fresh_database, second)
    assert second not in known(fresh_database)
    with database.session(fresh_database) as session:
        assert [each.time for each in stored.list_events(session, EventFilter(), 10)] == [second.until]


def test_events_in_use_are_left_alone(fresh_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "50ms")
    first = known(fresh_database)[0]
    with Session(fresh_database.engine) as busy:
        events.add(busy, EventType.WORKFLOW_CREATED, Reason("tester"))
        with pytest.raises(TableInUse):
            partitions.drop(fresh_database, first)
    assert known(fresh_database)[0] == first


def test_a_table_of_before_becomes_the_first_partition(fresh_database: Database) -> None:
    configuration = migrations.configuration(fresh_database.engine)
    command.downgrade(configuration, BEFORE)
    ask(
        fresh_database, "INSERT INTO users (name, is_admin, enabled, disabled_reason) VALUES ('alice', false, true, '')"
    )
    for actor in ("alice", "finder", "alice"):
        ask(fresh_database, ADD, datetime.now(UTC), actor)
    before = ask(fresh_database, "SELECT event_id, time, actor FROM events ORDER BY event_id")
    database.upgrade(fresh_database)
    assert ask(fresh_database, "SELECT event_id, time, actor FROM events_first ORDER BY event_id") == before
    with database.session(fresh_database) as session:
        events.add(session, EventType.WORKFLOW_CREATED, Reason("tester"))
        found = stored.list_events(session, EventFilter(), 10, oldest_first=True)
    assert [(each.event_id, each.actor, each.source) for each in found] == [
        (1, "alice", "api"),
        (2, "finder", None),
        (3, "alice", "api"),
        (4, "tester", None),
    ]
    command.downgrade(configuration, BEFORE)
    assert ask(fresh_database, "SELECT event_id, time, actor FROM events ORDER BY event_id")[:3] == before
    assert ask(fresh_database, ADD + " RETURNING event_id", datetime.now(UTC), "alice") == [(5,)]

"""Who reads on from the horizon misses no event, in whatever order their transactions commit."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from justin.states import EventType
from models import database, events, horizon
from models.database import Database, Session
from models.moves import Reason
from models.queries import events as stored
from models.queries.events import EventFilter
from models.statements import raw_connection
from tests.support.waiting import wait_until

WRITERS, EVENTS_EACH = 12, 60


def add_event(session: Session) -> None:
    events.add(session, EventType.WORKFLOW_CREATED, Reason("tester"))


def look(opened: Database) -> int:
    """Return the horizon, and put up the next fence."""
    with database.session(opened) as session:
        known = horizon.advance(session)
    if known.fence == known.event_id or known.is_foreign:
        with database.session(opened) as session:
            horizon.put_up_fence(session, known)
    return known.event_id


def newest(opened: Database) -> int:
    with database.session(opened) as session:
        return max((event.event_id for event in stored.list_events(session, EventFilter(), 1)), default=0)


def test_horizon_stays_before_an_event_that_may_still_appear(fresh_database: Database) -> None:
    with Session(fresh_database.engine) as slow:
        add_event(slow)
        with database.session(fresh_database) as quick:
            add_event(quick)
        assert newest(fresh_database) == 2
        assert [look(fresh_database) for _ in range(5)] == [0] * 5
        slow.commit()
    wait_until(lambda: look(fresh_database) == 2)


def test_what_was_rolled_back_is_not_waited_for(fresh_database: Database) -> None:
    with Session(fresh_database.engine) as slow:
        add_event(slow)
        with database.session(fresh_database) as quick:
            add_event(quick)
        look(fresh_database)
        slow.rollback()
    wait_until(lambda: look(fresh_database) == 2)


def test_a_transaction_that_began_after_the_fence_holds_nothing_up(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        add_event(session)
    look(fresh_database)
    with Session(fresh_database.engine) as late:
        add_event(late)
        wait_until(lambda: look(fresh_database) == 1)
        late.rollback()


def test_a_fence_of_another_server_is_replaced(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        add_event(session)
    look(fresh_database)
    with database.session(fresh_database) as session:
        raw_connection(session).execute("UPDATE event_horizon SET fence_transaction = 1000000000000")
    wait_until(lambda: look(fresh_database) == 1)


def test_a_fence_is_not_put_up_by_who_has_written(fresh_database: Database) -> None:
    with Session(fresh_database.engine) as session:
        add_event(session)
        known = horizon.advance(session)
        with pytest.raises(ValueError, match="transaction"):
            horizon.put_up_fence(session, known)


def test_a_number_for_the_transaction_comes_before_one_for_the_event(fresh_database: Database) -> None:
    """The plan shows it: were it the other way round, an id could be drawn by who has no number yet."""
    with database.session(fresh_database) as session:
        query = b"SELECT column_default FROM information_schema.columns WHERE column_name = 'event_id'"
        query += b" AND table_name IN ('events', 'events_first')"
        defaults = [row[0] for row in raw_connection(session).execute(query).fetchall()]
    assert len(defaults) == 2
    assert all(each.index("pg_current_xact_id") < each.index("nextval") for each in defaults)


def test_readers_meet_every_event_of_many_writers_once_and_in_order(fresh_database: Database) -> None:
    """Each writer takes its time between its events and its commit, and now and then takes them back."""
    writing = threading.Event()
    writing.set()

    def write(number: int) -> int:
        dice, kept = random.Random(number), 0
        for _ in range(EVENTS_EACH):
            with Session(fresh_database.engine) as session:
                count = dice.randint(1, 3)
                for _ in range(count):
                    add_event(session)
                    time.sleep(dice.uniform(0, 0.004))
                time.sleep(dice.choice([0, 0, 0.02]))
                if dice.random() < 0.1:
                    session.rollback()
                else:
                    session.commit()
                    kept += count
        return kept

    def read(number: int) -> list[int]:
        seen: list[int] = []
        while True:
            last_look = not writing.is_set()
            end = newest(fresh_database) if last_look else 0
            up_to = look(fresh_database)
            with database.session(fresh_database) as session:
                wanted = EventFilter(up_to=up_to)
                found = stored.list_events(session, wanted, 50 + number, seen[-1] if seen else 0, oldest_first=True)
            seen += [event.event_id for event in found]
            if last_look and seen and seen[-1] >= end:
                return seen

    with ThreadPoolExecutor(WRITERS + 2) as pool:
        readers = [pool.submit(read, number) for number in range(2)]
        kept = sum(pool.map(write, range(WRITERS)))
        writing.clear()
        seen = [reader.result() for reader in readers]
    assert [len(each) for each in seen] == [kept, kept]
    assert all(each == sorted(set(each)) for each in seen)

"""Leases: one holder at a time, and free again when the holder dies."""

from concurrent.futures import ThreadPoolExecutor

from models import database, leases
from models.database import Database, Session

NEVER_SECONDS = -1.0
"""A lease that has run out when it is taken."""


def test_second_holder_is_turned_away(session: Session) -> None:
    assert leases.take(session, "finder stage 1", "first", 60)
    assert not leases.take(session, "finder stage 1", "second", 60)
    assert leases.take(session, "finder stage 2", "second", 60)


def test_holder_may_take_again(session: Session) -> None:
    assert leases.take(session, "finder", "first", 60)
    assert leases.take(session, "finder", "first", 60)


def test_lease_that_ran_out_goes_to_the_next(session: Session) -> None:
    leases.take(session, "finder", "died", NEVER_SECONDS)
    assert leases.take(session, "finder", "second", 60)
    assert not leases.renew(session, "finder", "died", 60)
    assert not leases.release(session, "finder", "died")


def test_lease_that_ran_out_and_nobody_took_can_be_renewed(session: Session) -> None:
    leases.take(session, "finder", "slow", NEVER_SECONDS)
    assert leases.renew(session, "finder", "slow", 60)
    assert not leases.take(session, "finder", "second", 60)


def test_released_lease_is_free(session: Session) -> None:
    leases.take(session, "finder", "first", 60)
    assert leases.release(session, "finder", "first")
    assert not leases.release(session, "finder", "first")
    assert leases.take(session, "finder", "second", 60)


def test_cleaning_drops_what_ran_out_and_nothing_else(session: Session) -> None:
    leases.take(session, "old", "first", NEVER_SECONDS)
    leases.take(session, "new", "first", 60)
    assert leases.clean(session) == 1
    assert leases.clean(session) == 0
    assert not leases.take(session, "new", "second", 60)


def test_one_of_many_at_once_gets_it(fresh_database: Database) -> None:
    def take(number: int) -> bool:
        with database.session(fresh_database) as session:
            return leases.take(session, "finder", f"thread {number}", 60)

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(take, range(16))) == 1


def test_holder_that_is_rolled_back_holds_nothing(fresh_database: Database) -> None:
    with Session(fresh_database.engine) as session:
        assert leases.take(session, "finder", "died", 60)
        session.rollback()
    with database.session(fresh_database) as session:
        assert leases.take(session, "finder", "second", 60)

"""Logs of jobs: offered, stored, and told to the catalogues once, by one agent at a time."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlmodel import col, select

from justin.states import EventType, JobState, LogsState
from models import database, log_archives, log_datasets, seed
from models.database import Database, Session
from models.log_archives import PERIOD_SECONDS, StoredLogs
from models.queries import jobs
from models.records import Event, LogArchive
from tests.support.makers import STORAGE, key, make_job, make_stage

SECONDS = 60.0
OVER = -1.0
"""A lease that has run out when it is taken."""
PFN = "file:///storage/x.logs.tgz"
TARGET = {"storage_id": 1, "rse": STORAGE, "url": PFN}


def make_stored(session: Session, **values: Any) -> int:
    """Make a job whose logs lie at the storage, and return its key."""
    row = {"jobscript_exit": 7} | values
    job = make_job(session, make_stage(session, stage_number=1), state=JobState.JOBSCRIPT_ERROR, **row)
    job_id = key(job.job_id)
    log_archives.ask(session, job_id, f"justin-logs:{job_id}.logs.tgz")
    assert log_archives.offer(session, job_id, [TARGET])
    assert log_archives.confirm(session, job_id, seed.ensure_storage(session, STORAGE), PFN, 10, "0000000a")
    return job_id


def lease(session: Session, limit: int = 1000, seconds: float = SECONDS) -> list[int]:
    return [logs.job_id for logs in log_archives.lease(session, limit, seconds)]


def state(session: Session, job_id: int) -> LogsState:
    session.expire_all()
    return session.get_one(LogArchive, job_id).state


def told(session: Session, job_id: int) -> list[Event]:
    logs = (EventType.LOGS_REGISTERED, EventType.LOGS_REFUSED)
    return list(session.exec(select(Event).where(Event.job_id == job_id, col(Event.event_type).in_(logs))).all())


def test_job_is_told_the_same_each_time_it_asks(session: Session) -> None:
    job_id = key(make_job(session, make_stage(session)).job_id)
    first = log_archives.ask(session, job_id, "justin-logs:a")
    log_archives.offer(session, job_id, [TARGET])
    again = log_archives.ask(session, job_id, "justin-logs:a")
    assert (first.offers, first.targets, again.offers, again.targets) == (1, (), 2, [TARGET])
    assert log_archives.offered(session, job_id) == again
    assert again.state is LogsState.OFFERED


def test_logs_are_confirmed_once(session: Session) -> None:
    job_id = make_stored(session)
    assert not log_archives.confirm(session, job_id, 1, "file:///elsewhere", 11, "0000000b")
    assert not log_archives.offer(session, job_id, [TARGET])
    (logs,) = log_archives.lease(session, 10, SECONDS)
    assert (logs.pfn, logs.size_bytes, logs.adler32) == (PFN, 10, "0000000a")
    assert log_archives.ask(session, job_id, "justin-logs:a").state is LogsState.WAITING


def test_lease_tells_all_that_registration_needs(session: Session) -> None:
    job_id = make_stored(session)
    (logs,) = log_archives.lease(session, 10, SECONDS)
    view = jobs.list_jobs(session, jobs.JobFilter(), limit=1)[0]
    assert logs == StoredLogs(
        job_id=job_id,
        did=f"justin-logs:{job_id}.logs.tgz",
        size_bytes=10,
        adler32="0000000a",
        storage_id=logs.storage_id,
        rse=STORAGE,
        pfn=PFN,
        period=logs.period,
        attempts=1,
        jobsub_id=view.jobsub_id,
        workflow_id=view.workflow_id,
        stage_number=1,
        site="UK_Manchester",
        user="alice",
        hostname="node1",
        job_state="jobscript_error",
        jobscript_exit=7,
    )
    assert logs.period % PERIOD_SECONDS == 0
    assert 0 <= time.time() - logs.period < PERIOD_SECONDS + 60


def test_what_is_offered_and_not_stored_waits_for_nobody(session: Session) -> None:
    job_id = key(make_job(session, make_stage(session)).job_id)
    log_archives.ask(session, job_id, "justin-logs:a")
    log_archives.offer(session, job_id, [TARGET])
    assert lease(session) == []


def test_leased_logs_are_another_agents_when_the_lease_is_over(session: Session) -> None:
    job_ids = [make_stored(session) for _ in range(3)]
    assert lease(session, limit=2) == job_ids[:2]
    assert lease(session, seconds=OVER) == job_ids[2:]
    (again,) = log_archives.lease(session, 10, SECONDS)
    assert (again.job_id, again.attempts) == (job_ids[2], 2)


def test_agents_at_once_take_different_logs(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        made = [make_stored(session) for _ in range(20)]

    def take(_number: int) -> list[int]:
        with database.session(fresh_database) as session:
            return lease(session, limit=5)

    with ThreadPoolExecutor(4) as threads:
        taken = [job_id for part in threads.map(take, range(8)) for job_id in part]
    assert sorted(taken) == made


def test_postponed_logs_wait_and_say_why(session: Session) -> None:
    job_id = make_stored(session)
    lease(session)
    log_archives.retry(session, [job_id], 60, "Rucio is away.")
    assert lease(session) == []
    session.expire_all()
    assert session.get_one(LogArchive, job_id).last_error == "Rucio is away."
    log_archives.retry(session, [job_id], -1, "")
    assert lease(session) == [job_id]


@pytest.mark.parametrize(
    ("to", "event_type"),
    [(LogsState.DONE, EventType.LOGS_REGISTERED), (LogsState.REFUSED, EventType.LOGS_REFUSED)],
)
def test_end_is_made_once_and_told(session: Session, to: LogsState, event_type: EventType) -> None:
    job_id = make_stored(session)
    message = "The name is taken." if to is LogsState.REFUSED else ""
    assert log_archives.end(session, [job_id], to, message) == [job_id]
    assert log_archives.end(session, [job_id], LogsState.DONE) == []
    assert state(session, job_id) is to
    (event,) = told(session, job_id)
    assert (event.event_type, event.actor, event.jobscript_exit) == (event_type, "outputs", 7)
    assert event.details == {"did": f"justin-logs:{job_id}.logs.tgz"} | ({"message": message} if message else {})
    assert lease(session) == []


def test_job_tells_the_did_of_its_logs_once_they_are_registered(session: Session) -> None:
    job_id = make_stored(session)
    (before,) = jobs.list_jobs(session, jobs.JobFilter(), limit=1)
    log_archives.end(session, [job_id], LogsState.DONE)
    (after,) = jobs.list_jobs(session, jobs.JobFilter(), limit=1)
    assert (before.logs_did, after.logs_did) == (None, f"justin-logs:{job_id}.logs.tgz")


def test_datasets_are_missing_where_files_can_be_put_until_they_are_made(session: Session) -> None:
    first, second = (seed.ensure_storage(session, name) for name in ("A", "B"))
    seed.ensure_storage(session, "TAPE", tape=True)
    seed.ensure_storage(session, "FULL", rucio_write=False)
    seed.ensure_storage(session, "OFF", enabled_write=False)
    missing = log_datasets.missing(session, ahead=2)
    now = missing[0].period
    assert 0 <= time.time() - now < PERIOD_SECONDS + 60
    periods = [now, now + PERIOD_SECONDS, now + 2 * PERIOD_SECONDS]
    assert [(each.period, each.storage_id, each.rse) for each in missing] == [
        (period, storage_id, rse) for period in periods for storage_id, rse in ((first, "A"), (second, "B"))
    ]
    for dataset in [*missing[:3], missing[0]]:
        log_datasets.remember(session, dataset)
    assert log_datasets.missing(session, ahead=2) == missing[3:]
    assert log_datasets.made(session, missing) == set(missing[:3])

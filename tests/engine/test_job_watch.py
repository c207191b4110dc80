"""Jobs that are gone: their files come back, their logs stay, and nothing is concluded from a pool's silence."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine import job_logs, job_watch, why_not
from engine.adapters.processes import ProcessPool
from engine.errors import Unavailable
from engine.job_watch import Watched
from engine.pool_ports import PoolState
from engine.runtime import Runtime
from justin.schemas.views import EventView
from justin.states import ACTIVE_JOB_STATES, EventType, FileState, JobState
from models.files import File
from models.jobs import Job
from models.queries.events import EventFilter, list_events
from models.watching import MOST_JOBS
from tests.support.makers import make_files, make_job, make_stage
from tests.support.mortal import Counter, Killed, Mortal
from tests.support.own_pool import OwnPool, own_pool

LONG_AGO = datetime.now(UTC) - timedelta(hours=2)


SLEEPS = "import time; time.sleep(600)"


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[OwnPool]:
    with own_pool(tmp_path / "pool") as made:
        yield made


@pytest.fixture
def watched(runtime: Runtime, pool: OwnPool) -> Runtime:
    return replace(runtime, pool=pool.adapter)


def make_busy(runtime: Runtime, state: JobState = JobState.PROCESSING, **values: Any) -> tuple[Job, int]:
    """Make a job that holds a file."""
    with runtime.session() as session:
        stage = make_stage(session)
        job = make_job(session, stage, state=state, **values)
        (file,) = make_files(session, stage, state=FileState.ALLOCATED, job_id=job.job_id, allocations=1)
        assert file.file_id is not None
        return job, file.file_id


def state_of(runtime: Runtime, job: Job) -> tuple[JobState, str]:
    with runtime.session() as session:
        found = session.get_one(Job, job.job_id)
        return found.state, found.state_message


def file_state(runtime: Runtime, file_id: int) -> FileState:
    with runtime.session() as session:
        return session.get_one(File, file_id).state


def looking_fully(runtime: Runtime, seconds: float = 0) -> Runtime:
    """Return a runtime that looks at all jobs so often."""
    watch = runtime.settings.watch.model_copy(update={"full_look_seconds": seconds})
    return replace(runtime, settings=runtime.settings.model_copy(update={"watch": watch}))


def last_event(runtime: Runtime, job: Job, event_type: EventType) -> EventView:
    with runtime.session() as session:
        (event,) = list_events(session, EventFilter(job=job.jobsub_id, event_type=event_type), limit=2)
        return event


@pytest.mark.parametrize("state", sorted(ACTIVE_JOB_STATES))
def test_a_silent_job_is_stalled(watched: Runtime, pool: OwnPool, state: JobState) -> None:
    job, file_id = make_busy(watched, state, jobsub_id=pool.submit(SLEEPS), heartbeat_at=LONG_AGO)
    assert job_watch.watch_jobs(watched) == Watched(silent=1)
    assert state_of(watched, job) == (JobState.STALLED, "No heartbeat came for 3660 seconds.")
    assert file_state(watched, file_id) == FileState.UNALLOCATED
    pool.wait_for(job.jobsub_id, PoolState.REMOVED)


@pytest.mark.parametrize("state", sorted(ACTIVE_JOB_STATES))
def test_a_job_that_ended_without_a_word_is_stalled(watched: Runtime, pool: OwnPool, state: JobState) -> None:
    jobsub_id = pool.submit("import os; os.kill(os.getpid(), 9)")
    job, file_id = make_busy(watched, state, jobsub_id=jobsub_id, heartbeat_at=datetime.now(UTC))
    pool.wait_for(jobsub_id, PoolState.COMPLETED)
    assert job_watch.watch_jobs(watched).gone == 1
    assert state_of(watched, job)[0] == JobState.STALLED
    assert "status 137" in state_of(watched, job)[1]
    assert file_state(watched, file_id) == FileState.UNALLOCATED


def test_a_job_that_runs_is_left_alone(watched: Runtime, pool: OwnPool) -> None:
    _, file_id = make_busy(watched, jobsub_id=pool.submit(SLEEPS), heartbeat_at=datetime.now(UTC))
    assert not job_watch.watch_jobs(watched)
    assert file_state(watched, file_id) == FileState.ALLOCATED


def test_an_unknown_job_is_given_time(watched: Runtime) -> None:
    with watched.session() as session:
        young, old = make_job(session), make_job(session, submitted_at=LONG_AGO)
    assert job_watch.watch_jobs(watched).gone == 1
    assert state_of(watched, young)[0] == JobState.SUBMITTED
    assert state_of(watched, old) == (JobState.STALLED, "The pool does not know the job.")


def test_a_held_job_is_ended_with_its_reason(watched: Runtime, pool: OwnPool) -> None:
    with watched.session() as session:
        job = make_job(session, jobsub_id=pool.submit("", gpus=1))
    assert pool.job(job.jobsub_id).state is PoolState.HELD
    assert job_watch.watch_jobs(watched).gone == 1
    assert "no slot here has GPUs" in state_of(watched, job)[1]
    details = last_event(watched, job, EventType.JOB_STALLED).details or {}
    assert details["pool_state"] == "held"
    assert "no slot here has GPUs" in details["pool_reason"]
    pool.wait_for(job.jobsub_id, PoolState.REMOVED)


def test_a_silent_pool_tells_nothing(watched: Runtime, pool: OwnPool) -> None:
    job, file_id = make_busy(watched, heartbeat_at=datetime.now(UTC))
    away = replace(watched, pool=ProcessPool(pool.directory / "elsewhere"))
    with pytest.raises(Unavailable):
        job_watch.watch_jobs(away)
    assert state_of(watched, job)[0] == JobState.PROCESSING
    assert file_state(watched, file_id) == FileState.ALLOCATED


def test_more_jobs_than_are_looked_at_in_one_go_are_watched(watched: Runtime) -> None:
    with watched.session() as session:
        for _ in range(MOST_JOBS):
            make_job(session)
        last = make_job(session, submitted_at=LONG_AGO)
    assert job_watch.watch_jobs(watched) == Watched(gone=1)
    assert state_of(watched, last)[0] == JobState.STALLED


def test_a_change_is_seen_without_a_look_at_all_jobs(watched: Runtime, pool: OwnPool) -> None:
    jobsub_id = pool.submit("import sys; sys.stdin.readline() or sys.exit(3)", sites=())
    job, file_id = make_busy(watched, jobsub_id=jobsub_id, heartbeat_at=datetime.now(UTC))
    job_watch.watch_jobs(watched)
    pool.wait_for(jobsub_id, PoolState.COMPLETED)
    with watched.session() as session:
        lost = make_job(session, jobsub_id=f"999.0@{jobsub_id.partition('@')[2]}", submitted_at=LONG_AGO)

    assert job_watch.watch_jobs(watched) == Watched(gone=1)
    assert state_of(watched, job)[0] == JobState.STALLED
    assert file_state(watched, file_id) == FileState.UNALLOCATED
    # Of a job that the pool has lost nothing can have changed.
    assert state_of(watched, lost)[0] == JobState.SUBMITTED
    assert job_watch.watch_jobs(looking_fully(watched)) == Watched(gone=1)
    assert state_of(watched, lost) == (JobState.STALLED, "The pool does not know the job.")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fatal", [1, 2], ids=["changes", "remove"])
def test_a_change_is_not_lost_with_the_one_who_saw_it(
    watched: Runtime, pool: OwnPool, fatal: int, *, after: bool
) -> None:
    with watched.session() as session:
        make_job(session, jobsub_id=pool.submit(SLEEPS))
    job_watch.watch_jobs(watched)
    held, file_id = make_busy(watched, jobsub_id=pool.submit("", gpus=1), heartbeat_at=datetime.now(UTC))
    with pytest.raises(Killed):
        job_watch.watch_jobs(replace(watched, pool=Mortal(pool.adapter, Counter(fatal, Killed(), after=after))))

    job_watch.watch_jobs(watched)
    job_logs.keep_logs(watched)
    assert "no slot here has GPUs" in state_of(watched, held)[1]
    assert file_state(watched, file_id) == FileState.UNALLOCATED
    last_event(watched, held, EventType.JOB_STALLED)
    pool.wait_for(held.jobsub_id, PoolState.REMOVED)


def test_a_job_that_never_gets_a_slot_is_removed(watched: Runtime, pool: OwnPool) -> None:
    two_days_ago = datetime.now(UTC) - timedelta(days=2)
    names = [pool.submit(SLEEPS, processors=1) for _ in range(4)]
    assert [pool.job(name).state for name in names] == [PoolState.RUNNING] * 2 + [PoolState.IDLE] * 2
    with watched.session() as session:
        running = make_job(session, jobsub_id=names[0], submitted_at=two_days_ago)
        old = make_job(session, jobsub_id=names[2], submitted_at=two_days_ago)
        young = make_job(session, jobsub_id=names[3])

    assert job_watch.watch_jobs(watched) == Watched(unstarted=1)
    assert state_of(watched, old) == (JobState.REMOVED, "No slot took the job in 24 hours.")
    assert (last_event(watched, old, EventType.JOB_REMOVED).details or {})["pool_state"] == "idle"
    pool.wait_for(old.jobsub_id, PoolState.REMOVED)
    for job in (running, young):
        assert state_of(watched, job)[0] == JobState.SUBMITTED


def test_why_not_counts_the_jobs_that_never_got_a_slot(watched: Runtime, pool: OwnPool) -> None:
    two_days_ago = datetime.now(UTC) - timedelta(days=2)
    names = [pool.submit(SLEEPS, processors=1) for _ in range(4)]
    with watched.session() as session:
        stage = make_stage(session)
        make_files(session, stage, 2)
        for name in names[2:]:
            make_job(session, jobsub_id=name, submitted_at=two_days_ago, hint_stage_id=stage.stage_id)

    assert job_watch.watch_jobs(watched) == Watched(unstarted=2)
    with watched.session() as session:
        (found,) = why_not.explain(session, stage.workflow_id).stages
    (ended,) = found.pool.ended_unstarted
    assert (ended.state, ended.message, ended.jobs) == (JobState.REMOVED, "No slot took the job in 24 hours.", 2)

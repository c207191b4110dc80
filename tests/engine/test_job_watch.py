"""Jobs that are gone: their files come back, their logs stay, and nothing is concluded from a pool's silence."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from engine import job_watch
from engine.adapters.processes import ProcessPool
from engine.errors import Unavailable
from engine.job_watch import Watched
from engine.ports import PoolState
from engine.runtime import Runtime
from justin.states import ACTIVE_JOB_STATES, FileState, JobState
from models.files import File
from models.jobs import Job, JobLog
from models.watching import MOST_JOBS
from tests.support.makers import make_files, make_job, make_stage
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
    pool.wait_for(job.jobsub_id, PoolState.REMOVED)


def test_a_held_job_that_had_a_last_word_leaves_the_pool_too(watched: Runtime, pool: OwnPool) -> None:
    jobsub_id = pool.submit("", gpus=1)
    job, _ = make_busy(watched, JobState.ABORTED, jobsub_id=jobsub_id, finished_at=datetime.now(UTC))
    job_watch.watch_jobs(watched)
    pool.wait_for(jobsub_id, PoolState.REMOVED)
    assert state_of(watched, job)[0] == JobState.ABORTED


def test_a_silent_pool_tells_nothing(watched: Runtime, pool: OwnPool) -> None:
    job, file_id = make_busy(watched, heartbeat_at=datetime.now(UTC))
    away = replace(watched, pool=ProcessPool(pool.directory / "elsewhere"))
    with pytest.raises(Unavailable):
        job_watch.watch_jobs(away)
    assert state_of(watched, job)[0] == JobState.PROCESSING
    assert file_state(watched, file_id) == FileState.ALLOCATED


def test_the_log_of_an_ended_job_is_kept_once(watched: Runtime, pool: OwnPool) -> None:
    jobsub_id = pool.submit("print('what the wrapper said', end='')")
    job, _ = make_busy(watched, JobState.FINISHED, jobsub_id=jobsub_id, finished_at=datetime.now(UTC))
    pool.wait_for(jobsub_id, PoolState.COMPLETED)
    assert job_watch.watch_jobs(watched) == Watched(logs=1)
    assert pool.adapter.jobs([jobsub_id]) == {}
    with watched.session() as session:
        (log,) = session.exec(select(JobLog)).all()
        assert (log.kind, log.size_bytes) == ("wrapper", 21)
        assert not session.get_one(Job, job.job_id).in_pool
    assert not job_watch.watch_jobs(watched)


def test_a_job_that_is_still_leaving_the_pool_is_waited_for(watched: Runtime, pool: OwnPool) -> None:
    jobsub_id = pool.submit(SLEEPS)
    job, _ = make_busy(watched, JobState.FINISHED, jobsub_id=jobsub_id, finished_at=datetime.now(UTC))
    assert not job_watch.watch_jobs(watched)
    pool.server.cycle()
    assert pool.job(jobsub_id).state is PoolState.RUNNING
    with watched.session() as session:
        assert session.get_one(Job, job.job_id).in_pool


def test_more_jobs_than_are_looked_at_in_one_go_are_watched(watched: Runtime) -> None:
    with watched.session() as session:
        for _ in range(MOST_JOBS):
            make_job(session)
        last = make_job(session, submitted_at=LONG_AGO)
    assert job_watch.watch_jobs(watched) == Watched(gone=1)
    assert state_of(watched, last)[0] == JobState.STALLED

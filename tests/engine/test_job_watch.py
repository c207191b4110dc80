"""Jobs that are gone: their files come back, their logs stay, and nothing is concluded from a pool's silence."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from engine import job_watch
from engine.errors import Unavailable
from engine.job_watch import Watched
from engine.ports import Announce, BatchPool, JobOrder, PoolJob, PoolState, nobody
from engine.runtime import Runtime
from engine.settings import Watch
from justin.states import ACTIVE_JOB_STATES, FileState, JobState
from models.files import File
from models.jobs import Job, JobLog
from tests.support.makers import make_files, make_job, make_stage

LONG_AGO = datetime.now(UTC) - timedelta(hours=2)


@dataclass
class ToldPool:
    """A pool that knows what the test tells it."""

    known: dict[str, PoolJob] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    silent: bool = False

    def tell(self, job: Job, state: PoolState, **values: object) -> None:
        self.known[job.jobsub_id] = PoolJob(job.jobsub_id, state, **values)  # type: ignore[arg-type]

    def submit(self, order: JobOrder, announce: Announce = nobody) -> list[str]:
        raise NotImplementedError

    def jobs(self, jobsub_ids: Iterable[str]) -> dict[str, PoolJob]:
        if self.silent:
            raise Unavailable("The pool does not answer.")
        return {name: self.known[name] for name in jobsub_ids if name in self.known}

    def remove(self, jobsub_ids: Iterable[str]) -> None:
        self.removed += jobsub_ids

    def log(self, jobsub_id: str) -> str | None:
        return self.logs.get(jobsub_id)

    def forget(self, jobsub_ids: Iterable[str]) -> None:
        for name in jobsub_ids:
            self.known.pop(name, None)


@pytest.fixture
def pool() -> ToldPool:
    return ToldPool()


@pytest.fixture
def watched(runtime: Runtime, pool: ToldPool) -> Runtime:
    stands_for: BatchPool = pool
    return replace(runtime, pool=stands_for)


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
def test_a_silent_job_is_stalled(watched: Runtime, pool: ToldPool, state: JobState) -> None:
    job, file_id = make_busy(watched, state, heartbeat_at=LONG_AGO)
    pool.tell(job, PoolState.RUNNING)
    assert job_watch.watch_jobs(watched) == Watched(silent=1)
    assert state_of(watched, job) == (JobState.STALLED, "No heartbeat came for 3660 seconds.")
    assert file_state(watched, file_id) == FileState.UNALLOCATED
    assert pool.removed == [job.jobsub_id]


@pytest.mark.parametrize("state", sorted(ACTIVE_JOB_STATES))
def test_a_job_that_ended_without_a_word_is_stalled(watched: Runtime, pool: ToldPool, state: JobState) -> None:
    job, file_id = make_busy(watched, state, heartbeat_at=datetime.now(UTC))
    pool.tell(job, PoolState.COMPLETED, exit_status=137)
    assert job_watch.watch_jobs(watched).gone == 1
    assert state_of(watched, job)[0] == JobState.STALLED
    assert "status 137" in state_of(watched, job)[1]
    assert file_state(watched, file_id) == FileState.UNALLOCATED


def test_a_job_that_runs_is_left_alone(watched: Runtime, pool: ToldPool) -> None:
    job, file_id = make_busy(watched, heartbeat_at=datetime.now(UTC))
    pool.tell(job, PoolState.RUNNING)
    assert not job_watch.watch_jobs(watched)
    assert file_state(watched, file_id) == FileState.ALLOCATED


def test_an_unknown_job_is_given_time(watched: Runtime) -> None:
    with watched.session() as session:
        young, old = make_job(session), make_job(session, submitted_at=LONG_AGO)
    assert job_watch.watch_jobs(watched).gone == 1
    assert state_of(watched, young)[0] == JobState.SUBMITTED
    assert state_of(watched, old) == (JobState.STALLED, "The pool does not know the job.")


def test_a_held_job_is_ended_with_its_reason(watched: Runtime, pool: ToldPool) -> None:
    with watched.session() as session:
        job = make_job(session)
    pool.tell(job, PoolState.HELD, reason="no slot has so many processors")
    assert job_watch.watch_jobs(watched).gone == 1
    assert "no slot has so many processors" in state_of(watched, job)[1]
    assert pool.removed == [job.jobsub_id]


def test_a_silent_pool_tells_nothing(watched: Runtime, pool: ToldPool) -> None:
    job, file_id = make_busy(watched, heartbeat_at=datetime.now(UTC))
    pool.silent = True
    with pytest.raises(Unavailable):
        job_watch.watch_jobs(watched)
    assert state_of(watched, job)[0] == JobState.PROCESSING
    assert file_state(watched, file_id) == FileState.ALLOCATED


def test_the_log_of_an_ended_job_is_kept_once(watched: Runtime, pool: ToldPool) -> None:
    job, _ = make_busy(watched, JobState.FINISHED, finished_at=datetime.now(UTC))
    pool.tell(job, PoolState.COMPLETED, exit_status=0)
    pool.logs[job.jobsub_id] = "what the wrapper said"
    assert job_watch.watch_jobs(watched) == Watched(logs=1)
    assert pool.known == {}
    with watched.session() as session:
        (log,) = session.exec(select(JobLog)).all()
        assert (log.kind, log.size_bytes) == ("wrapper", 21)
        assert not session.get_one(Job, job.job_id).in_pool
    assert not job_watch.watch_jobs(watched)


def test_a_job_that_is_still_leaving_the_pool_is_waited_for(watched: Runtime, pool: ToldPool) -> None:
    job, _ = make_busy(watched, JobState.FINISHED, finished_at=datetime.now(UTC))
    pool.tell(job, PoolState.RUNNING)
    assert not job_watch.watch_jobs(watched)
    assert pool.removed == []
    with watched.session() as session:
        assert session.get_one(Job, job.job_id).in_pool


def test_many_jobs_are_watched_in_pages(watched: Runtime, pool: ToldPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.watching.live_jobs.__defaults__", (0, 2))
    patient = watched.settings.model_copy(update={"watch": Watch(unknown_after_seconds=0)})
    with watched.session() as session:
        for _ in range(5):
            make_job(session)
    assert job_watch.watch_jobs(replace(watched, settings=patient)).gone == 5

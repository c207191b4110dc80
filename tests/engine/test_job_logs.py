"""What ended jobs leave in the pool is kept, whatever fails, and the pool is cleared of it."""

import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from engine import job_logs
from engine.adapters.processes import ProcessPool
from engine.errors import Unavailable
from engine.job_logs import Kept
from engine.pool_ports import PoolState
from engine.runtime import Runtime
from justin.states import JobState
from models import reports
from models.jobs import Job, JobLog
from models.reports import POOL_LOG
from tests.support.makers import key, make_job, make_stage
from tests.support.mortal import Counter, Killed, Mortal
from tests.support.own_pool import OwnPool, own_pool

TALKS = "import sys; print('what the wrapper said', end=''); print('what went wrong', end='', file=sys.stderr)"
SLEEPS = "import time; time.sleep(600)"
TRIES = 3


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[OwnPool]:
    with own_pool(tmp_path / "pool") as made:
        yield made


@pytest.fixture
def keeping(runtime: Runtime, pool: OwnPool) -> Runtime:
    """A runtime on the pool, which tries again at once."""
    limits = runtime.settings.job_logs.model_copy(update={"retry_seconds": 0.0001, "most_tries": TRIES})
    return replace(runtime, pool=pool.adapter, settings=runtime.settings.model_copy(update={"job_logs": limits}))


def make_ended(runtime: Runtime, jobsub_id: str, state: JobState = JobState.FINISHED, hours: float = 0) -> Job:
    ended_at = datetime.now(UTC) - timedelta(hours=hours)
    with runtime.session() as session:
        return make_job(session, make_stage(session), state=state, jobsub_id=jobsub_id, finished_at=ended_at)


def run_through(pool: OwnPool, program: str = TALKS) -> str:
    """Run a job to its end."""
    jobsub_id = pool.submit(program)
    pool.wait_for(jobsub_id, PoolState.COMPLETED)
    return jobsub_id


def logs_of(runtime: Runtime, job: Job) -> dict[str, str]:
    with runtime.session() as session:
        found = session.exec(select(JobLog).where(JobLog.job_id == job.job_id)).all()
        return {log.kind: zlib.decompress(log.content).decode() for log in found}


def is_left(runtime: Runtime, job: Job) -> bool:
    with runtime.session() as session:
        return session.get_one(Job, job.job_id).in_pool


def test_what_a_job_printed_is_kept_and_the_pool_forgets_it(keeping: Runtime, pool: OwnPool) -> None:
    job = make_ended(keeping, run_through(pool))
    assert job_logs.keep_logs(keeping) == Kept(logs=1, left=1)
    assert logs_of(keeping, job) == {"wrapper": "what the wrapper said", "stderr": "what went wrong"}
    assert pool.adapter.jobs([job.jobsub_id]) == {}
    assert not is_left(keeping, job)
    assert not job_logs.keep_logs(keeping)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fatal", [1, 2, 3], ids=["jobs", "logs", "forget"])
def test_a_log_outlives_a_death_anywhere(keeping: Runtime, pool: OwnPool, fatal: int, *, after: bool) -> None:
    jobs = [make_ended(keeping, run_through(pool)) for _ in range(2)]
    counter = Counter(fatal, Killed(), after=after)
    with pytest.raises(Killed):
        job_logs.keep_logs(replace(keeping, pool=Mortal(pool.adapter, counter)))
    job_logs.keep_logs(keeping)
    for job in jobs:
        assert logs_of(keeping, job) == {"wrapper": "what the wrapper said", "stderr": "what went wrong"} | (
            # All that can be said by then, beside what was kept.
            {"pool": job_logs.UNKNOWN} if (fatal, after) == (3, True) else {}
        )
        assert not is_left(keeping, job)
    assert pool.adapter.jobs([job.jobsub_id for job in jobs]) == {}


def test_a_job_that_is_still_leaving_the_pool_is_waited_for(keeping: Runtime, pool: OwnPool) -> None:
    job = make_ended(keeping, pool.submit(SLEEPS))
    assert not job_logs.keep_logs(keeping)
    pool.server.cycle()
    assert pool.job(job.jobsub_id).state is PoolState.RUNNING
    assert is_left(keeping, job)


@pytest.mark.parametrize(("state", "hours"), [(JobState.REMOVED, 0), (JobState.STALLED, 0), (JobState.FINISHED, 2)])
def test_what_should_not_be_in_the_pool_any_more_is_taken_out(
    keeping: Runtime, pool: OwnPool, state: JobState, hours: float
) -> None:
    job = make_ended(keeping, pool.submit(SLEEPS), state, hours)
    assert not job_logs.keep_logs(keeping)
    pool.wait_for(job.jobsub_id, PoolState.REMOVED)
    assert job_logs.keep_logs(keeping).left == 1


def test_a_held_job_that_had_a_last_word_leaves_the_pool_too(keeping: Runtime, pool: OwnPool) -> None:
    job = make_ended(keeping, pool.submit("", gpus=1), JobState.ABORTED)
    assert pool.job(job.jobsub_id).state is PoolState.HELD
    assert not job_logs.keep_logs(keeping)
    pool.wait_for(job.jobsub_id, PoolState.REMOVED)
    assert job_logs.keep_logs(keeping).left == 1


def test_a_job_that_the_pool_does_not_know_says_so_beside_what_was_kept(keeping: Runtime) -> None:
    unknown, earlier = make_ended(keeping, "8.0@nowhere"), make_ended(keeping, "9.0@nowhere")
    with keeping.session() as session:
        reports.save_log(session, key(earlier.job_id), POOL_LOG, "ExitCode = 3\n")
    assert job_logs.keep_logs(keeping) == Kept(left=2)
    assert logs_of(keeping, unknown) == {"pool": job_logs.UNKNOWN}
    assert logs_of(keeping, earlier) == {"pool": "ExitCode = 3\n"}
    assert not job_logs.keep_logs(keeping)


def test_one_log_that_cannot_be_had_is_given_up_and_holds_no_other(keeping: Runtime, pool: OwnPool) -> None:
    good, bad = make_ended(keeping, run_through(pool)), make_ended(keeping, run_through(pool))
    log = pool.directory / "clusters" / bad.jobsub_id.partition(".")[0] / "0" / "stdout"
    log.unlink()
    log.mkdir()
    # The two are asked for together at first.
    assert job_logs.keep_logs(keeping) == Kept(put_off=2)
    outcomes = [job_logs.keep_logs(keeping) for _ in range(TRIES)]
    assert sum(outcomes, Kept()) == Kept(logs=1, left=1, put_off=TRIES - 2, given_up=1)
    assert logs_of(keeping, good)["wrapper"] == "what the wrapper said"
    assert logs_of(keeping, bad)["pool"].startswith(f"What the pool kept of the job could not be fetched in {TRIES}")
    assert not is_left(keeping, bad)


def test_a_silent_pool_loses_no_log(keeping: Runtime, pool: OwnPool) -> None:
    job = make_ended(keeping, run_through(pool))
    away = replace(keeping, pool=ProcessPool(pool.directory / "elsewhere"))
    with pytest.raises(Unavailable):
        job_logs.keep_logs(away)
    assert is_left(keeping, job)
    assert job_logs.keep_logs(keeping).logs == 1


def test_more_jobs_than_are_asked_for_at_once_are_all_kept(keeping: Runtime, pool: OwnPool) -> None:
    few = keeping.settings.job_logs.model_copy(update={"at_once": 2})
    slowly = replace(keeping, settings=keeping.settings.model_copy(update={"job_logs": few}))
    jobs = [make_ended(keeping, run_through(pool)) for _ in range(5)]
    assert job_logs.keep_logs(slowly) == Kept(logs=5, left=5)
    assert all(logs_of(keeping, job)["wrapper"] == "what the wrapper said" for job in jobs)

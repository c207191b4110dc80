"""Jobs of a real HTCondor pool are followed to their ends: held, gone, never started, not needed, and their logs."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select, update

from engine import completion, job_factory, job_logs, job_watch, steering
from engine.adapters import condor_jobs
from engine.errors import EngineError
from engine.job_logs import Kept
from engine.pool_ports import JobOrder, PoolState
from engine.rights import Caller
from engine.runtime import Runtime
from justin.schemas.specs import FileSelection
from justin.schemas.views import EventView
from justin.states import EventType, FileState, JobState, WorkflowState
from models.files import File
from models.jobs import Job, JobLog, PoolMark
from models.queries.events import EventFilter, list_events
from models.workflows import Workflow
from tests.support.condor import OwnCondor
from tests.support.makers import key, make_files, make_job, make_site, make_stage, make_workflow
from tests.support.orders import make_order
from tests.support.waiting import wait_until

TALKS = "import sys; print('on stdout'); print('on stderr', file=sys.stderr)"
SLEEPS = "import time; print('begun', flush=True); time.sleep(600)"
NOWHERE = "XX_NOWHERE"
AWAY = "ap9.pool.localgrid"
MANY_LOGS = 60
LONG_AGO = datetime.now(UTC) - timedelta(days=2)
CYCLES = 2

Order = Callable[..., JobOrder]


@pytest.fixture
def order(tmp_path: Path) -> Order:
    def make(program: str = SLEEPS, **values: Any) -> JobOrder:
        wrapper = tmp_path / "wrapper.py"
        wrapper.write_text(program)
        return make_order(wrapper, **values)

    return make


@pytest.fixture
def following(runtime: Runtime, condor_pool: OwnCondor) -> Iterator[Runtime]:
    """A runtime on the pool, which leaves no job there."""
    yield replace(runtime, pool=condor_pool.adapter)
    condor_pool.clear()


def make_known(runtime: Runtime, jobsub_id: str, state: JobState = JobState.SUBMITTED, **values: Any) -> Job:
    with runtime.session() as session:
        return make_job(session, make_stage(session), state=state, jobsub_id=jobsub_id, **values)


def make_busy(runtime: Runtime, jobsub_id: str) -> tuple[Job, int]:
    """Make a job known that holds a file."""
    with runtime.session() as session:
        stage = make_stage(session)
        now = datetime.now(UTC)
        job = make_job(session, stage, state=JobState.PROCESSING, jobsub_id=jobsub_id, heartbeat_at=now)
        (file,) = make_files(session, stage, state=FileState.ALLOCATED, job_id=job.job_id, allocations=1)
        return job, key(file.file_id)


def job_now(runtime: Runtime, job: Job) -> Job:
    with runtime.session() as session:
        return session.get_one(Job, job.job_id)


def event_of(runtime: Runtime, job: Job, event_type: EventType) -> EventView:
    with runtime.session() as session:
        (event,) = list_events(session, EventFilter(job=job.jobsub_id, event_type=event_type), limit=2)
        return event


def logs_of(runtime: Runtime, job: Job) -> dict[str, str]:
    with runtime.session() as session:
        found = session.exec(select(JobLog).where(JobLog.job_id == job.job_id)).all()
        return {log.kind: zlib.decompress(log.content).decode() for log in found}


def hold(pool: OwnCondor, jobsub_id: str, reason: str) -> None:
    pool.pool.run("condor_hold", "-reason", reason, jobsub_id.partition("@")[0])
    wait_until(lambda: "\nJobStatus = 5\n" in pool.ad(jobsub_id), pause_seconds=0.2)


def until_sorted(pool: OwnCondor, jobsub_id: str) -> None:
    """Wait until the schedd has sorted a job's files: it is held for that."""
    wait_until(lambda: "\nJobStatus = 1\n" in pool.ad(jobsub_id), pause_seconds=0.2)


def test_only_what_has_changed_since_the_mark_is_told(condor_pool: OwnCondor, following: Runtime, order: Order) -> None:
    schedd = condor_pool.submit(order(sites=(NOWHERE,)))[0].partition("@")[2]
    (first,) = following.pool.changes({schedd: None}).values()
    assert not first.jobs
    done, removed, held = condor_pool.submit(order(TALKS, jobs=3))
    condor_pool.wait_for([done, removed, held], PoolState.COMPLETED)

    (second,) = following.pool.changes({schedd: first.mark_seconds}).values()
    assert {name: job.state for name, job in second.jobs.items()} == dict.fromkeys(
        [done, removed, held], PoolState.COMPLETED
    )
    assert second.mark_seconds >= first.mark_seconds
    # What is not over, or before the mark, is not told again.
    later = {schedd: second.mark_seconds + 10_000}
    set_back = following.pool.changes(later)[schedd]
    assert set_back.jobs.keys() == second.jobs.keys()


def test_a_schedd_that_is_away_hides_nothing_of_the_others(
    condor_pool: OwnCondor, following: Runtime, order: Order
) -> None:
    (here,) = condor_pool.submit(order(TALKS))
    condor_pool.wait_for([here], PoolState.COMPLETED)
    schedd = here.partition("@")[2]
    elsewhere = f"1.0@{AWAY}"
    ended = {"finished_at": datetime.now(UTC)}
    near = make_known(following, here, JobState.FINISHED, **ended)
    far = make_known(following, elsewhere, JobState.FINISHED, **ended)

    assert following.pool.changes({AWAY: 1.0, schedd: 1.0}).keys() == {schedd}
    with pytest.raises(EngineError, match=AWAY):
        following.pool.remove([elsewhere])
    assert job_logs.keep_logs(following) == Kept(logs=1, left=1, put_off=1)
    assert logs_of(following, near)["wrapper"] == "on stdout\n"
    # That it was away is no fault of the job's.
    assert (job_now(following, far).log_tries, job_now(following, far).in_pool) == (0, True)


def test_many_logs_are_fetched_together_each_with_its_own_jobs_words(
    condor_pool: OwnCondor, following: Runtime, order: Order
) -> None:
    talking = condor_pool.submit(order(TALKS, jobs=3))
    idle, running = condor_pool.submit(order(sites=(NOWHERE,))) + condor_pool.submit(order())
    condor_pool.wait_for(talking, PoolState.COMPLETED)
    until_sorted(condor_pool, idle)
    wait_until(lambda: "\nJobCurrentStartExecutingDate = " in condor_pool.ad(running), pause_seconds=0.2)
    following.pool.remove([idle, running])
    condor_pool.wait_for([idle, running], PoolState.REMOVED)

    logs = following.pool.logs([*talking, idle, running])
    assert logs.keys() == {*talking, idle, running}
    for jobsub_id, log in logs.items():
        assert log.problem == ""
        assert log.pool.count("\nProcId = ") == 1
        assert f'\nJobsubJobId = "{jobsub_id}"\n' in log.pool
    assert {(logs[name].wrapper, logs[name].stderr) for name in talking} == {("on stdout\n", "on stderr\n")}
    assert (logs[idle].wrapper, logs[idle].stderr) == ("", "")


def test_logs_of_many_jobs_are_kept_and_the_queue_is_empty_then(
    condor_pool: OwnCondor, following: Runtime, order: Order
) -> None:
    names = condor_pool.submit(order(TALKS, jobs=MANY_LOGS))
    jobs = [make_known(following, name, JobState.FINISHED, finished_at=datetime.now(UTC)) for name in names]
    condor_pool.wait_for(names, PoolState.COMPLETED)

    assert job_logs.keep_logs(following) == Kept(logs=MANY_LOGS, left=MANY_LOGS)
    for job in jobs:
        logs = logs_of(following, job)
        assert (logs["wrapper"], logs["stderr"]) == ("on stdout\n", "on stderr\n")
        assert "\nExitCode = 0\n" in logs["pool"]
    wait_until(lambda: not condor_pool.pool.run("condor_q", "-allusers", "-autoformat", "ClusterId"))


def test_a_held_job_gives_its_file_back_and_leaves_the_pool(
    condor_pool: OwnCondor, following: Runtime, order: Order
) -> None:
    (jobsub_id,) = condor_pool.submit(order())
    condor_pool.wait_for([jobsub_id], PoolState.RUNNING)
    job, file_id = make_busy(following, jobsub_id)
    assert not job_watch.watch_jobs(following)
    hold(condor_pool, jobsub_id, "the disk is full")

    # Only what has changed is looked at now.
    assert job_watch.watch_jobs(following).gone == 1
    assert job_now(following, job).state is JobState.STALLED
    assert job_now(following, job).state_message.startswith("The pool holds the job (code 1): the disk is full")
    with following.session() as session:
        assert session.get_one(File, file_id).state is FileState.UNALLOCATED
    details = event_of(following, job, EventType.JOB_STALLED).details or {}
    assert (details["pool_state"], details["hold_code"]) == ("held", 1)
    condor_pool.wait_for([jobsub_id], PoolState.REMOVED)
    job_logs.keep_logs(following)
    assert "the disk is full" in logs_of(following, job)["pool"]
    wait_until(lambda: not condor_pool.ad(jobsub_id), pause_seconds=0.2)


def test_a_queued_job_that_is_held_is_ended_with_the_reason(
    condor_pool: OwnCondor, following: Runtime, order: Order
) -> None:
    (jobsub_id,) = condor_pool.submit(order(sites=(NOWHERE,)))
    until_sorted(condor_pool, jobsub_id)
    job = make_known(following, jobsub_id)
    hold(condor_pool, jobsub_id, "by the administrator")
    assert job_watch.watch_jobs(following).gone == 1
    assert "by the administrator" in job_now(following, job).state_message
    condor_pool.wait_for([jobsub_id], PoolState.REMOVED)


def test_a_job_whose_files_are_on_their_way_is_not_held(
    condor_pool: OwnCondor, following: Runtime, order: Order
) -> None:
    made: list[Job] = []

    def announce(jobsub_ids: object) -> None:
        assert isinstance(jobsub_ids, list)
        made.extend(make_known(following, name) for name in jobsub_ids)
        assert all("\nHoldReasonCode = 16\n" in condor_pool.ad(name) for name in jobsub_ids)
        for seconds in (600, 0):
            watch = following.settings.watch.model_copy(update={"full_look_seconds": seconds})
            settings = following.settings.model_copy(update={"watch": watch})
            assert not job_watch.watch_jobs(replace(following, settings=settings))

    following.pool.submit(order(jobs=2, sites=(NOWHERE,)), announce)
    assert [job_now(following, job).state for job in made] == [JobState.SUBMITTED] * 2


def test_a_job_that_matches_no_slot_is_removed_and_says_what_the_pool_says(
    condor_pool: OwnCondor, following: Runtime, order: Order
) -> None:
    (jobsub_id,) = condor_pool.submit(order(sites=(NOWHERE,)))
    wait_until(lambda: "\nLastRejMatchReason = " in condor_pool.ad(jobsub_id), pause_seconds=0.2)
    job = make_known(following, jobsub_id, submitted_at=LONG_AGO)

    assert job_watch.watch_jobs(following).unstarted == 1
    assert job_now(following, job).state is JobState.REMOVED
    assert job_now(following, job).state_message == "No slot took the job in 24 hours. The pool says: no match found."
    assert (event_of(following, job, EventType.JOB_REMOVED).details or {})["pool_state"] == "idle"
    condor_pool.wait_for([jobsub_id], PoolState.REMOVED)


def test_a_schedd_that_is_away_gets_no_mark(condor_pool: OwnCondor, following: Runtime, order: Order) -> None:
    (jobsub_id,) = condor_pool.submit(order(sites=(NOWHERE,)))
    make_known(following, jobsub_id)
    make_known(following, f"1.0@{AWAY}")
    job_watch.watch_jobs(following)
    with following.session() as session:
        marks = session.exec(select(PoolMark)).all()
    # Of the other nothing is known, so everything is asked for once it is back.
    assert [mark.schedd for mark in marks] == [jobsub_id.partition("@")[2]]


@pytest.fixture
def queued(following: Runtime) -> int:
    """A workflow whose jobs wait in the pool for a slot that is larger than any."""
    with following.session() as session:
        make_site(session)
        workflow = make_workflow(session)
        make_files(session, make_stage(session, workflow, rss_bytes=1 << 42), 3)
        workflow_id = key(workflow.workflow_id)
    assert job_factory.submit_jobs(following).submitted == 3
    with following.session() as session:
        # As if some time had passed.
        session.execute(update(Job).values(submitted_at=col(Job.submitted_at) - timedelta(minutes=5)))
    return workflow_id


def pause(runtime: Runtime, caller: Caller, workflow_id: int) -> None:
    with runtime.session() as session:
        steering.steer(session, caller, workflow_id, WorkflowState.PAUSED)


def cancel(runtime: Runtime, caller: Caller, workflow_id: int) -> None:
    with runtime.session() as session:
        steering.steer(session, caller, workflow_id, WorkflowState.CANCELLING)


def fail_all(runtime: Runtime, caller: Caller, workflow_id: int) -> None:
    assert steering.fail_files(runtime, caller, workflow_id, FileSelection()) == 3


def fail_and_retry_all(runtime: Runtime, caller: Caller, workflow_id: int) -> None:
    fail_all(runtime, caller, workflow_id)
    # They do not wait before they are found.
    assert steering.retry_files(runtime, caller, workflow_id, FileSelection()) == 3


@pytest.mark.parametrize("steer", [pause, cancel, fail_all, fail_and_retry_all])
def test_jobs_with_nothing_to_do_leave_the_queue(
    condor_pool: OwnCondor, following: Runtime, queued: int, steer: Callable[[Runtime, Caller, int], None]
) -> None:
    with following.session() as session:
        owner = session.get_one(Workflow, queued).user_id
        jobs = session.exec(select(Job)).all()
    steer(following, Caller(owner, "owner"), queued)
    for _ in range(CYCLES):
        for cycle in (job_factory.submit_jobs, completion.complete_workflows, job_watch.watch_jobs, job_logs.keep_logs):
            # Datasets cannot be closed: no catalogue is there.
            with suppress(EngineError):
                cycle(following)
    assert {job_now(following, job).state for job in jobs} == {JobState.REMOVED}
    assert {job.state for job in following.pool.jobs([job.jobsub_id for job in jobs]).values()} <= {PoolState.REMOVED}
    job_logs.keep_logs(following)
    wait_until(lambda: not condor_pool.pool.run("condor_q", "-allusers", "-autoformat", "ClusterId"))


def test_what_an_ad_says_of_a_job_in_words() -> None:
    names = {"ClusterId": 7, "ProcId": 1}
    said: dict[str, dict[str, Any]] = {
        "spooling": {"JobStatus": 5, "HoldReasonCode": 16, "HoldReason": "Spooling input data files"},
        "held": {"JobStatus": 5, "HoldReasonCode": 34, "HoldReasonSubCode": 0, "HoldReason": "Memory usage exceeded"},
        "matched": {"JobStatus": 1, "NumJobMatches": 3},
        "rejected": {"JobStatus": 1, "NumJobMatches": 3, "LastRejMatchReason": "no match found "},
        "long": {"JobStatus": 3, "RemoveReason": "x" * 100_000},
        "by itself": {"JobStatus": 3, "RemoveReason": "The job attribute PeriodicRemove expression '1 == 1' is true"},
    }
    found = {name: condor_jobs.read({**names, **ad}, "ap") for name, ad in said.items()}
    assert {job.jobsub_id for job in found.values()} == {"7.1@ap"}
    assert (found["spooling"].state, found["spooling"].details) == (PoolState.IDLE, {})
    assert (found["held"].state, found["held"].reason) == (PoolState.HELD, "Memory usage exceeded")
    assert found["held"].details == {"hold_code": 34, "hold_subcode": 0}
    assert (found["matched"].reason, found["matched"].details) == (condor_jobs.NEVER_STARTED, {"matches": 3})
    assert found["rejected"].reason == "no match found"
    assert len(found["long"].reason) == condor_jobs.LONGEST_REASON
    assert found["by itself"].reason == condor_jobs.BY_ITSELF

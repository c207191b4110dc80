"""A slot that starts is given its work, once and for all."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import select

from engine.runtime import Runtime
from justin.schemas.jobs import Jobscript
from justin.states import EventType, JobState, WorkflowState
from models.jobs import Job, StageLoad
from models.places import AvoidedNode, Site
from models.records import Event
from models.workflows import Stage, StageEnvironment
from tests.support.makers import (
    SITE,
    known_site,
    make_files,
    make_job,
    make_output_pattern,
    make_site,
    make_stage,
    make_workflow,
)
from tests.support.signed_job import SignedJob

Calling = Callable[[Job], SignedJob]

GIB = 1 << 30
SLOT: dict[str, Any] = {
    "site_name": SITE,
    "entry_name": "entry",
    "hostname": "node1",
    "processors": 4,
    "rss_bytes": 16 * GIB,
    "wall_seconds": 86_400,
    "has_inner_apptainer": True,
}
GPU: dict[str, Any] = {
    "uuid": "GPU-1",
    "name": "NVIDIA A100",
    "memory_bytes": 40 * GIB,
    "compute_capability": 8.0,
    "driver_version": "550",
    "runtime_version": 12.4,
}


@pytest.fixture
def waiting(runtime: Runtime, calling: Calling) -> SignedJob:
    """A submitted job, at a known site."""
    with runtime.session() as session:
        make_site(session)
        return calling(make_job(session))


def offer(runtime: Runtime, **values: Any) -> Stage:
    """Make a running stage with waiting files."""
    with runtime.session() as session:
        stage = make_stage(session, make_workflow(session), **values)
        make_files(session, stage, 3)
        return stage


def start(job: SignedJob, **slot: Any) -> httpx.Response:
    return job.call("get_jobscript", **(SLOT | slot))


def state(runtime: Runtime, job: SignedJob) -> JobState:
    with runtime.session() as session:
        found = session.connection().exec_driver_sql("SELECT state FROM jobs WHERE jobsub_id = %s", (job.jobsub_id,))
        return JobState(found.scalar_one())


def test_a_slot_gets_everything_that_its_jobscript_needs(runtime: Runtime, waiting: SignedJob) -> None:
    stage = offer(runtime, jobscript="#!/bin/sh\necho é\n", image="/cvmfs/image", processors=2, gpus=0)
    with runtime.session() as session:
        make_output_pattern(session, stage, "*.root", pattern_id=1)
        make_output_pattern(session, stage, "*.txt", pattern_id=2, for_next_stage=True)
        for position, (name, value) in enumerate((("B", "x y\n$(z)'\""), ("A", ""))):
            assert stage.stage_id is not None
            session.add(StageEnvironment(stage_id=stage.stage_id, name=name, value=value, position=position))
    work = Jobscript.model_validate(start(waiting).json())
    assert (work.workflow_id, work.stage_id, work.jobscript) == (stage.workflow_id, 1, "#!/bin/sh\necho é\n")
    assert (work.site_name, work.principal_name, work.scope) == (SITE, "alice", "usertests")
    assert work.environment == [("B", "x y\n$(z)'\""), ("A", "")]
    assert [(pattern.pattern, pattern.for_next_stage) for pattern in work.output_patterns] == [
        ("*.root", False),
        ("*.txt", True),
    ]
    assert (work.jobscript_image, work.requested_processors) == ("/cvmfs/image", 2)
    assert work.jobscript_secret == waiting.jobscript_secret
    address = f"http://127.0.0.1:8086/api/samweb/{waiting.jobsub_id}/{waiting.jobscript_secret}"
    assert work.sam_web_uri == address


def test_a_lost_answer_is_given_again(runtime: Runtime, waiting: SignedJob) -> None:
    offer(runtime)
    assert start(waiting).json() == start(waiting).json()
    assert waiting.call("send_heartbeat").status_code == 200
    assert start(waiting).status_code == 200
    assert waiting.call("get_file").status_code == 200
    late = start(waiting)
    assert (late.status_code, late.json()["code"]) == (409, "wrong_state")


def test_a_job_that_asks_many_times_at_once_starts_once(runtime: Runtime, waiting: SignedJob) -> None:
    stages = [offer(runtime) for _ in range(3)]
    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda _: start(waiting), range(12)))
    assert [reply.status_code for reply in replies] == [200] * 12
    assert {reply.text for reply in replies} == {replies[0].text}
    with runtime.session() as session:
        started = session.exec(select(Event).where(Event.event_type == EventType.JOB_STARTED)).all()
        assert len(started) == 1
        loads = session.exec(select(StageLoad)).all()
        assert sum(load.running_jobs for load in loads) == sum(load.unasked_jobs for load in loads) == 1
    assert started[0].stage_id in {stage.stage_id for stage in stages}


def test_without_work_the_job_is_not_used(runtime: Runtime, waiting: SignedJob) -> None:
    for _ in range(2):
        reply = start(waiting)
        assert (reply.status_code, reply.json()["code"]) == (404, "no_work")
    assert state(runtime, waiting) == JobState.NOTUSED
    offer(runtime)
    assert start(waiting).status_code == 404, "a job that is over stays over"


def test_an_unknown_site_is_refused(runtime: Runtime, waiting: SignedJob) -> None:
    offer(runtime)
    reply = start(waiting, site_name="XX_UNKNOWN")
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_input")
    assert "XX_UNKNOWN" in reply.json()["detail"]
    assert state(runtime, waiting) == JobState.SUBMITTED


def test_a_disabled_site_gets_no_work(runtime: Runtime, waiting: SignedJob) -> None:
    offer(runtime)
    with runtime.session() as session:
        session.exec(select(Site)).one().enabled = False
    assert start(waiting).json()["code"] == "no_work"
    assert state(runtime, waiting) == JobState.NOTUSED


@pytest.mark.parametrize(
    ("stage", "slot"),
    [
        ({"processors": 8}, {}),
        ({"rss_bytes": 32 * GIB}, {}),
        ({"wall_seconds": 100_000}, {}),
        ({"gpus": 1}, {}),
        ({"gpus": 2}, {"gpus": [GPU]}),
        ({"gpus": 1, "gpu_memory_bytes": 80 * GIB}, {"gpus": [GPU]}),
        ({"image": "/cvmfs/image"}, {"has_inner_apptainer": False}),
        ({}, {"gpus": [GPU]}),
    ],
)
def test_a_slot_is_not_given_what_it_cannot_do(
    runtime: Runtime, waiting: SignedJob, stage: dict[str, Any], slot: dict[str, Any]
) -> None:
    offer(runtime, **stage)
    assert start(waiting, **slot).json()["code"] == "no_work"


def test_a_slot_with_a_gpu_serves_a_stage_that_needs_one(runtime: Runtime, waiting: SignedJob) -> None:
    offer(runtime, gpus=1, gpu_memory_bytes=40 * GIB, gpu_min_capability=8)
    assert start(waiting, gpus=[GPU]).json()["requested_gpus"] == 1


def test_slots_with_gpus_serve_all_where_the_pool_lends_them(
    runtime: Runtime, waiting: SignedJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(runtime)
    monkeypatch.setattr(runtime.settings.pool, "cpu_jobs_on_gpu_slots", True)
    assert start(waiting, gpus=[GPU]).status_code == httpx.codes.OK


def test_a_paused_workflow_gets_no_slot(runtime: Runtime, waiting: SignedJob) -> None:
    with runtime.session() as session:
        stage = make_stage(session, make_workflow(session, state=WorkflowState.PAUSED))
        make_files(session, stage, 3)
    assert start(waiting).json()["code"] == "no_work"


def test_an_avoided_node_gets_no_work(runtime: Runtime, waiting: SignedJob) -> None:
    offer(runtime)
    until = datetime.now(UTC) + timedelta(hours=1)
    with runtime.session() as session:
        session.add(AvoidedNode(site_id=known_site(session), hostname="hole", until=until, failed_jobs=5))
    reply = start(waiting, hostname="hole")
    assert (reply.status_code, reply.json()["code"]) == (404, "no_work")
    with runtime.session() as session:
        job = session.exec(select(Job).where(Job.jobsub_id == waiting.jobsub_id)).one()
    assert job.state is JobState.NOTUSED
    assert "hole is avoided until" in job.state_message


def test_a_node_that_was_avoided_gets_work_again(runtime: Runtime, waiting: SignedJob) -> None:
    offer(runtime)
    until = datetime.now(UTC) - timedelta(seconds=1)
    with runtime.session() as session:
        session.add(AvoidedNode(site_id=known_site(session), hostname="hole", until=until, failed_jobs=5))
    assert start(waiting, hostname="hole").status_code == 200

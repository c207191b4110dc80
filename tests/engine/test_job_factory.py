"""Jobs for waiting files: as many as are lacking, known before they start, and out again when nothing waits."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from engine import job_factory, why_not
from engine.adapters.processes import ProcessPool
from engine.errors import InvalidInput, Unavailable
from engine.job_factory import Submitted
from engine.pool_ports import Announce, GpuNeeds, JobOrder, PoolState, nobody
from engine.runtime import Runtime
from engine.settings import Factory
from justin.states import FactoryLimit, FileState, JobState, WorkflowState
from localgrid.pool import layout
from localgrid.pool.layout import Settings as PoolSettings
from models import pulses, seed
from models.factory import FactoryDecision
from models.files import File
from models.jobs import Job
from models.people import Quota
from models.places import AvoidedNode
from models.pulses import Pulse
from models.workflows import Stage, Workflow
from tests.support.makers import (
    SITE,
    STORAGE,
    key,
    known_site,
    make_files,
    make_job,
    make_site,
    make_stage,
    make_workflow,
)
from tests.support.mortal import Killed

LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def runtime(runtime: Runtime, tmp_path: Path) -> Runtime:
    """One with a pool of its own in which nothing runs."""
    layout.create(tmp_path / "pool", PoolSettings(slots={SITE: 1}, entries={SITE: "LOCAL"}, path="/usr/bin:/bin"))
    with runtime.session() as session:
        make_site(session)
    return replace(runtime, pool=ProcessPool(tmp_path / "pool"))


def limited(runtime: Runtime, **limits: Any) -> Runtime:
    settings = runtime.settings.model_copy(update={"factory": Factory(**limits)})
    return replace(runtime, settings=settings)


def make_waiting(runtime: Runtime, files: int, **values: Any) -> int:
    """Make a stage with waiting files."""
    with runtime.session() as session:
        stage = make_stage(session, make_workflow(session), **values)
        make_files(session, stage, files)
        assert stage.stage_id is not None
        return stage.stage_id


def jobs(runtime: Runtime, state: JobState = JobState.SUBMITTED) -> list[Job]:
    with runtime.session() as session:
        return list(session.exec(select(Job).where(Job.state == state).order_by(col(Job.job_id))))


def in_pool(runtime: Runtime) -> list[PoolState]:
    with runtime.session() as session:
        names = session.exec(select(Job.jobsub_id)).all()
    return [job.state for job in runtime.pool.jobs(names).values()]


def test_every_waiting_file_gets_one_job(runtime: Runtime) -> None:
    stage_id = make_waiting(runtime, 3, processors=2, wall_seconds=600)
    report = job_factory.submit_jobs(runtime)
    assert report.submitted == 3
    made = jobs(runtime)
    assert {job.hint_stage_id for job in made} == {stage_id}
    assert {(job.requested_processors, job.requested_wall_seconds) for job in made} == {(2, 900)}
    assert len({job.secret for job in made} | {job.jobscript_secret for job in made}) == 6
    assert in_pool(runtime) == [PoolState.IDLE] * 3
    assert job_factory.submit_jobs(runtime) == Submitted()


def test_jobs_that_will_take_files_count(runtime: Runtime) -> None:
    stage_id = make_waiting(runtime, 5)
    with runtime.session() as session:
        stage = session.get_one(Stage, stage_id)
        make_job(session, hint_stage_id=stage_id)
        make_job(session, stage)
        make_job(session, stage, asked_for_files=True)
    assert job_factory.submit_jobs(runtime).submitted == 3


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"max_submit_per_cycle": 3}, 3),
        ({"max_idle_per_stage": 2}, 4),
        ({"files_per_job": 2.5}, 4),
        ({}, 10),
    ],
)
def test_settings_limit_what_is_submitted(runtime: Runtime, limits: dict[str, Any], expected: int) -> None:
    make_waiting(runtime, 5)
    make_waiting(runtime, 5)
    assert job_factory.submit_jobs(limited(runtime, **limits)).submitted == expected


def test_stages_and_quotas_limit_what_is_submitted(runtime: Runtime) -> None:
    make_waiting(runtime, 5, max_jobs=2)
    assert job_factory.submit_jobs(runtime).submitted == 2
    make_waiting(runtime, 5)
    with runtime.session() as session:
        session.exec(select(Quota).where(Quota.name == "usertests")).one().max_running_jobs = 4
    assert job_factory.submit_jobs(runtime).submitted == 2
    assert job_factory.submit_jobs(runtime).submitted == 0


def test_higher_priority_comes_first(runtime: Runtime) -> None:
    make_waiting(runtime, 5)
    urgent = make_waiting(runtime, 5)
    with runtime.session() as session:
        session.get_one(Workflow, session.get_one(Stage, urgent).workflow_id).priority = 90
    job_factory.submit_jobs(limited(runtime, max_submit_per_cycle=6))
    assert [job.hint_stage_id for job in jobs(runtime)].count(urgent) == 5


def test_jobs_without_use_leave_the_pool_after_a_while(runtime: Runtime) -> None:
    stage_id = make_waiting(runtime, 3)
    job_factory.submit_jobs(runtime)
    with runtime.session() as session:
        for file in session.exec(select(File).where(File.stage_id == stage_id).limit(2)):
            file.state = FileState.PROCESSED
    assert job_factory.submit_jobs(runtime) == Submitted()
    with runtime.session() as session:
        for job in session.exec(select(Job)):
            job.submitted_at = LONG_AGO
    assert job_factory.submit_jobs(runtime) == Submitted(removed=2)
    assert len(jobs(runtime, JobState.REMOVED)) == 2
    with runtime.session() as session:
        session.get_one(Workflow, session.get_one(Stage, stage_id).workflow_id).state = WorkflowState.PAUSED
    assert job_factory.submit_jobs(runtime) == Submitted(removed=1)


def test_a_job_that_has_started_is_not_taken_for_surplus(runtime: Runtime) -> None:
    with runtime.session() as session:
        stage = make_stage(session)
        make_job(session, stage, hint_stage_id=stage.stage_id, submitted_at=LONG_AGO)
    assert job_factory.submit_jobs(runtime) == Submitted()
    assert len(jobs(runtime, JobState.STARTED)) == 1


class RecordingPool(ProcessPool):
    """Remembers what it was asked for, and refuses one accounting group."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.orders: list[JobOrder] = []

    def submit(self, order: JobOrder, announce: Announce = nobody) -> list[str]:
        """Put the jobs into the pool."""
        if order.accounting_group == "no group":
            raise InvalidInput("'no group' is no accounting group")
        self.orders.append(order)
        return super().submit(order, announce)


@pytest.fixture
def pool(tmp_path: Path) -> RecordingPool:
    return RecordingPool(tmp_path / "pool")


def decision(runtime: Runtime, stage_id: int) -> FactoryDecision:
    with runtime.session() as session:
        return session.get_one(FactoryDecision, stage_id)


def test_jobs_are_asked_for_as_their_stage_needs_them(runtime: Runtime, pool: RecordingPool) -> None:
    capability = {"gpu_min_capability": Decimal("7.5"), "gpu_max_capability": Decimal("9.0")}
    make_waiting(
        runtime, 1, image="/cvmfs/image", classads={"USER_x": 1}, gpus=2, gpu_memory_bytes=20 << 30, **capability,
        gpu_min_runtime=Decimal("12.4"), gpu_model="NVIDIA A100*", max_distance=100,
    )  # fmt: skip
    with runtime.session() as session:
        site_id = known_site(session)
        seed.ensure_entry(session, "Good", site_id, processors=8, gpus=2)
        seed.ensure_entry(session, "Poor", site_id, processors=8, gpus=1)
        make_site(session, "CH_CERN", distances={STORAGE: 100})
        make_site(session, "Far", distances={})
        until = datetime.now(UTC) + timedelta(hours=1)
        for name, where in (("hole", site_id), ("elsewhere", known_site(session, "Far"))):
            session.add(AvoidedNode(site_id=where, hostname=name, until=until, failed_jobs=5))
    job_factory.submit_jobs(replace(runtime, pool=pool))
    (order,) = pool.orders
    assert (order.sites, order.entries, order.open_sites) == (("CH_CERN", SITE), ("Good",), ("CH_CERN",))
    assert (order.gpus, order.gpu_needs) == (2, GpuNeeds(20 << 30, 7.5, 9.0, 12.4, "NVIDIA A100*"))
    assert (order.image, order.classads, order.avoided) == ("/cvmfs/image", {"USER_x": "1"}, (f"hole@{SITE}",))


def test_scopes_of_one_quota_share_its_accounting_group(runtime: Runtime, pool: RecordingPool) -> None:
    with runtime.session() as session:
        quota_id = seed.ensure_quota(session, "dunepro", accounting_group="group_dune.prod")
        for scope in ("one", "two"):
            workflow = make_workflow(session, scope=scope)
            seed.ensure_scope(session, scope, quota_id)
            make_files(session, make_stage(session, workflow), 1)
    make_waiting(runtime, 1)
    job_factory.submit_jobs(replace(runtime, pool=pool))
    assert [order.accounting_group for order in pool.orders] == ["group_dune.prod", "group_dune.prod", ""]
    assert [job.quota_id for job in jobs(runtime)[:2]] == [quota_id] * 2


def test_a_stage_is_tried_with_a_first_wave_until_a_job_ended_well(runtime: Runtime) -> None:
    stage_id = make_waiting(runtime, 50)
    assert job_factory.submit_jobs(runtime).submitted == 10
    assert job_factory.submit_jobs(runtime).submitted == 0
    assert decision(runtime, stage_id).limited_by is FactoryLimit.FIRST_WAVE
    with runtime.session() as session:
        first = session.exec(select(Job).limit(1)).one()
        first.state, first.stage_id = JobState.FINISHED, stage_id
        first.started_at = first.finished_at = datetime.now(UTC)
    assert job_factory.submit_jobs(runtime).submitted == 41
    with runtime.session() as session:
        workflow = session.get_one(Workflow, session.get_one(Stage, stage_id).workflow_id)
        workflow.started_at = datetime.now(UTC)
        make_files(session, session.get_one(Stage, stage_id), 50)
    assert job_factory.submit_jobs(runtime).submitted == 0, "it was restarted, and nothing has ended well since"


def test_what_was_decided_is_kept_and_explained(runtime: Runtime) -> None:
    stage_id = make_waiting(runtime, 5, max_jobs=2)
    (line,) = job_factory.submit_jobs(runtime).decisions
    assert (line.waiting_files, line.wanted, line.submitted, line.limited_by) == (5, 5, 2, FactoryLimit.STAGE_CAP)
    kept = decision(runtime, stage_id)
    assert (kept.wanted_jobs, kept.submitted_jobs, kept.sites, kept.sentence) == (5, 2, [SITE], line.why)
    with runtime.session() as session:
        workflow_id = session.get_one(Stage, stage_id).workflow_id
        (stage,) = why_not.explain(session, workflow_id).stages
        session.get_one(Workflow, workflow_id).state = WorkflowState.PAUSED
    assert stage.pool.factory
    assert (stage.pool.factory.submitted_jobs, stage.pool.factory.limited_by) == (2, FactoryLimit.STAGE_CAP)
    assert stage.answer.endswith("no more are submitted: The stage may have 2 jobs at a time.")
    job_factory.submit_jobs(runtime)
    with runtime.session() as session:
        assert session.get(FactoryDecision, stage_id) is None


def test_nothing_is_submitted_while_rucio_is_slow(runtime: Runtime) -> None:
    stage_id = make_waiting(runtime, 5)
    with runtime.session() as session:
        pulses.put(session, "rucio", Pulse(answered=True, seconds=11))
    assert job_factory.submit_jobs(runtime).submitted == 0
    assert decision(runtime, stage_id).limited_by is FactoryLimit.RUCIO_SLOW
    assert "11.0 s" in decision(runtime, stage_id).sentence
    with runtime.session() as session:
        pulses.put(session, "rucio", Pulse(answered=False, seconds=60))
    assert job_factory.submit_jobs(runtime).submitted == 5, "its absence is no reason"


def test_a_stage_without_a_place_gets_no_jobs_and_says_so(runtime: Runtime) -> None:
    stage_id = make_waiting(runtime, 5, processors=64)
    with runtime.session() as session:
        seed.ensure_entry(session, "Small", known_site(session), processors=8)
    assert job_factory.submit_jobs(runtime).submitted == 0
    assert decision(runtime, stage_id).limited_by is FactoryLimit.NO_PLACE


def test_jobs_that_the_pool_refuses_keep_no_others_from_it(runtime: Runtime, pool: RecordingPool) -> None:
    with runtime.session() as session:
        wrong = seed.ensure_quota(session, "wrong", accounting_group="no group")
        workflow = make_workflow(session, scope="wrong", priority=90)
        seed.ensure_scope(session, "wrong", wrong)
        refused = make_stage(session, workflow)
        make_files(session, refused, 3)
    stage_id = make_waiting(runtime, 2)
    report = job_factory.submit_jobs(replace(runtime, pool=pool))
    assert [line.submitted for line in report.decisions] == [0, 2]
    assert decision(runtime, key(refused.stage_id)).limited_by is FactoryLimit.POOL_ERROR
    assert "no accounting group" in decision(runtime, key(refused.stage_id)).sentence
    assert decision(runtime, stage_id).limited_by is FactoryLimit.AS_WANTED


def test_a_pool_that_does_not_answer_is_told_of(runtime: Runtime, tmp_path: Path) -> None:
    stage_id, idle = make_waiting(runtime, 2), make_waiting(runtime, 0)
    with pytest.raises(Unavailable):
        job_factory.submit_jobs(replace(runtime, pool=ProcessPool(tmp_path / "nowhere")))
    kept = decision(runtime, stage_id)
    assert (kept.limited_by, kept.wanted_jobs, kept.submitted_jobs) == (FactoryLimit.POOL_ERROR, 2, 0)
    assert "cannot be used" in kept.sentence
    assert decision(runtime, idle).limited_by is FactoryLimit.NOTHING_WANTED


def test_queued_jobs_of_one_stage_serve_another_of_their_class(runtime: Runtime) -> None:
    done = make_waiting(runtime, 5)
    job_factory.submit_jobs(runtime)
    with runtime.session() as session:
        for file in session.exec(select(File).where(File.stage_id == done)):
            file.state = FileState.PROCESSED
        for job in session.exec(select(Job)):
            job.submitted_at = LONG_AGO
            # Jobs start, so the pool is well.
            make_job(session, session.get_one(Stage, done), hint_stage_id=done, started_at=datetime.now(UTC))
    make_waiting(runtime, 3)
    other_class = make_waiting(runtime, 1, processors=2)
    assert job_factory.submit_jobs(runtime) == Submitted(submitted=1, removed=2)
    assert [job.hint_stage_id for job in jobs(runtime)] == [done] * 3 + [other_class]


class DyingPool(ProcessPool):
    """Dies when jobs are laid down and known, but not yet in the pool."""

    def submit(self, order: JobOrder, announce: Announce = nobody) -> list[str]:
        """Tell, and die."""

        def last(names: Sequence[str]) -> None:
            announce(names)
            raise Killed

        return super().submit(order, last)


def test_no_job_runs_that_is_not_known(runtime: Runtime, tmp_path: Path) -> None:
    make_waiting(runtime, 2)
    with pytest.raises(Killed):
        job_factory.submit_jobs(replace(runtime, pool=DyingPool(tmp_path / "pool")))
    assert len(jobs(runtime)) == 2
    assert in_pool(runtime) == []

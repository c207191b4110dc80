"""Jobs for waiting files: as many as are lacking, known before they start, and out again when nothing waits."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from engine import job_factory
from engine.adapters.processes import ProcessPool
from engine.job_factory import Submitted
from engine.ports import Announce, JobOrder, PoolState, nobody
from engine.runtime import Runtime
from engine.settings import Factory
from justin.states import FileState, JobState, WorkflowState
from localgrid.pool import layout
from localgrid.pool.layout import Settings as PoolSettings
from models.files import File
from models.jobs import Job
from models.people import Quota
from models.workflows import Stage, Workflow
from tests.support.makers import SITE, make_files, make_job, make_site, make_stage, make_workflow
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

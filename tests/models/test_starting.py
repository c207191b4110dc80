"""At slot start: the stages that a slot can serve, in their order, and limits that hold however many start at once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import select

from justin.states import EventType, FileState, JobState, WorkflowState
from models import database, filters, matching, moves, seed
from models.database import Database, Session
from models.jobs import Job, QuotaLoad, StageLoad
from models.matching import Gpu, Slot
from models.moves import Reason
from models.people import Quota, Scope, User
from models.places import Site, Storage
from models.queries import why_not
from models.records import Event
from models.workflows import Stage, StageSite, StageStorage
from tests.support.makers import SCOPE, key, make_files, make_job, make_scope, make_site, make_stage, make_workflow
from tests.support.waiting import wait_until

GPU = Gpu(name="NVIDIA H200", memory_bytes=150_000_000_000, compute_capability=9.0, runtime_version=12.8)


def a_slot(session: Session, **values: Any) -> Slot:
    site_id = session.exec(select(Site.site_id)).first() or make_site(session)
    return replace(Slot(site_id, "node1", processors=4, rss_bytes=8_000_000_000, wall_seconds=7200), **values)


def a_stage(session: Session, *, files: int = 3, storage: str = "MANCHESTER", **values: Any) -> Stage:
    stage = make_stage(session, values.pop("workflow", None), **values)
    make_files(session, stage, files, storages=[storage])
    return stage


def unmet(session: Session, stage: Stage) -> list[list[str]]:
    return [pair.unmet for pair in why_not.pairs(session, key(stage.stage_id))]


def chosen(session: Session, slot: Slot, **options: Any) -> list[int]:
    return [
        choice.stage_id for choice in matching.choose_stages(session, slot, options.pop("quota_id", None), **options)
    ]


@pytest.mark.parametrize(
    ("needs", "slot", "fits"),
    [
        ({"processors": 4}, {}, True),
        ({"processors": 5}, {}, False),
        ({"rss_bytes": 8_000_000_000}, {}, True),
        ({"rss_bytes": 8_000_000_001}, {}, False),
        ({"wall_seconds": 7200}, {}, True),
        ({"wall_seconds": 7201}, {}, False),
        ({"image": "/cvmfs/image"}, {"has_inner_apptainer": True}, True),
        ({"image": "/cvmfs/image"}, {"has_inner_apptainer": False}, False),
        ({}, {"gpus": (GPU,)}, False),
        ({"gpus": 1}, {}, False),
        ({"gpus": 1}, {"gpus": (GPU,)}, True),
        ({"gpus": 2}, {"gpus": (GPU,)}, False),
        ({"gpus": 2}, {"gpus": (GPU, GPU)}, True),
        ({"gpus": 1, "gpu_memory_bytes": 150_000_000_000}, {"gpus": (GPU,)}, True),
        ({"gpus": 1, "gpu_memory_bytes": 150_000_000_001}, {"gpus": (GPU,)}, False),
        ({"gpus": 1, "gpu_min_capability": "9.0"}, {"gpus": (GPU,)}, True),
        ({"gpus": 1, "gpu_min_capability": "9.1"}, {"gpus": (GPU,)}, False),
        ({"gpus": 1, "gpu_max_capability": "8.9"}, {"gpus": (GPU,)}, False),
        ({"gpus": 1, "gpu_min_runtime": "12.8"}, {"gpus": (GPU,)}, True),
        ({"gpus": 1, "gpu_min_runtime": "12.9"}, {"gpus": (GPU,)}, False),
        ({"gpus": 1, "gpu_model": "*H200"}, {"gpus": (GPU,)}, True),
        ({"gpus": 1, "gpu_model": "*A100*"}, {"gpus": (GPU,)}, False),
        ({"gpus": 1, "gpu_model": "NVIDIA%"}, {"gpus": (GPU,)}, False),
        ({"gpus": 1, "gpu_model": "NVIDIA_H200"}, {"gpus": (GPU,)}, False),
    ],
)
def test_requirements_are_within_the_slot(
    session: Session, needs: dict[str, Any], slot: dict[str, Any], fits: bool
) -> None:
    stage = a_stage(session, **needs)
    assert chosen(session, a_slot(session, **slot)) == ([stage.stage_id] if fits else [])


def test_gpus_can_be_lent(session: Session) -> None:
    stage = a_stage(session)
    assert chosen(session, a_slot(session, gpus=(GPU,)), lend_gpus=True) == [stage.stage_id]


def test_job_serves_the_quota_it_was_submitted_for(session: Session) -> None:
    mine, others = (a_stage(session, workflow=make_workflow(session, scope=scope)) for scope in ("mine", "others"))
    slot = a_slot(session)
    assert chosen(session, slot, quota_id=make_scope(session, "mine")) == [mine.stage_id]
    assert set(chosen(session, slot)) == {mine.stage_id, others.stage_id}


@pytest.mark.parametrize(
    ("table", "change", "name"),
    [
        (User, {"enabled": False}, "user_enabled"),
        (Scope, {"enabled": False}, "scope_enabled"),
        (Quota, {"enabled": False}, "quota_enabled"),
        (Quota, {"max_running_jobs": 0}, "quota_has_room"),
        (Stage, {"max_jobs": 0}, "stage_has_room"),
        (Site, {"enabled": False}, "site_enabled"),
        (Storage, {"enabled_read": False}, "reading_enabled"),
        (Storage, {"rucio_read": False}, "storage_readable"),
    ],
)
def test_what_is_disabled_or_full_is_not_chosen_and_said_to_be(
    session: Session, table: type[Stage], change: dict[str, Any], name: str
) -> None:
    stage = a_stage(session)
    slot = a_slot(session)
    assert unmet(session, stage) == [[]]
    for row in session.exec(select(table)).all():
        for attribute, value in change.items():
            setattr(row, attribute, value)
    session.flush()
    assert chosen(session, slot) == []
    assert unmet(session, stage) == [[name]]


@pytest.mark.parametrize("state", set(WorkflowState) - {WorkflowState.RUNNING})
def test_only_running_workflows_get_jobs(session: Session, state: WorkflowState) -> None:
    stage = a_stage(session, workflow=make_workflow(session, state=state))
    assert chosen(session, a_slot(session)) == []
    assert unmet(session, stage) == [["workflow_running"]]


def test_stage_confined_to_sites_is_served_there_only(session: Session) -> None:
    stage = a_stage(session)
    slot = a_slot(session)
    session.add(StageSite(stage_id=key(stage.stage_id), site_id=make_site(session, "CH_CERN")))
    session.flush()
    assert chosen(session, slot) == []
    assert chosen(session, replace(slot, site_id=make_site(session, "CH_CERN"))) == [stage.stage_id]
    assert {one.site: one.unmet for one in why_not.pairs(session, key(stage.stage_id))} == {
        "UK_Manchester": ["site_allowed"],
        "CH_CERN": [],
    }


def test_stage_confined_to_storages_counts_files_there_only(session: Session) -> None:
    stage = a_stage(session)
    slot = a_slot(session)
    other = seed.ensure_storage(session, "OTHER")
    session.add(StageStorage(stage_id=key(stage.stage_id), storage_id=other, for_input=True))
    session.flush()
    assert chosen(session, slot) == []
    assert unmet(session, stage) == [["storage_allowed"]]


def test_stage_without_waiting_files_is_not_chosen(session: Session) -> None:
    stage = make_stage(session)
    make_files(session, stage, state=FileState.ALLOCATED)
    assert chosen(session, a_slot(session)) == []
    assert unmet(session, stage) == []


def test_every_filter_says_what_it_means() -> None:
    every = (*filters.ALL, *filters.FITTING)
    assert len({one.name for one in every}) == len({one.sentence for one in every}) == len(every)


def test_nearest_then_priority_then_share_then_age(session: Session) -> None:
    make_site(session, distances={"NEAR": 0, "FAR": 10})
    slot = a_slot(session)

    def stage(scope: str, storage: str, priority: int = 50) -> int:
        workflow = make_workflow(session, scope=scope, priority=priority)
        return key(a_stage(session, workflow=workflow, storage=storage, max_distance=10).stage_id)

    far = stage("idle", "FAR", priority=100)
    busy_old, busy_new = stage("busy", "NEAR"), stage("busy", "NEAR")
    idle = stage("idle", "NEAR")
    urgent = stage("busy", "NEAR", priority=51)
    session.add(QuotaLoad(quota_id=make_scope(session, "busy"), running_jobs=5))
    session.flush()
    assert chosen(session, slot) == [urgent, idle, busy_old, busy_new, far]
    assert chosen(session, slot, reach=matching.BESIDE) == [urgent, idle, busy_old, busy_new]


def test_larger_share_makes_up_for_running_jobs(session: Session) -> None:
    small, large = (
        key(a_stage(session, workflow=make_workflow(session, scope=scope)).stage_id) for scope in ("small", "large")
    )
    session.add(QuotaLoad(quota_id=make_scope(session, "small", share=1.0), running_jobs=2))
    session.add(QuotaLoad(quota_id=make_scope(session, "large", share=10.0), running_jobs=10))
    session.flush()
    assert chosen(session, a_slot(session)) == [large, small]


def test_files_that_other_jobs_will_take_are_left_to_them(session: Session) -> None:
    first, second = (key(a_stage(session, files=2).stage_id) for _ in range(2))
    slot = a_slot(session)
    starts = [matching.start_job(session, key(make_job(session).job_id), slot, None) for _ in range(6)]
    # Later slots go where a file is left for them; when there is none left, they go somewhere all the same.
    assert Counter(starts[:4]) == {first: 2, second: 2}
    assert None not in starts


def test_start_is_written_down(session: Session) -> None:
    stage = a_stage(session)
    job = make_job(session)
    slot = a_slot(session, entry_name="entry1", gpus=(), cpuinfo="fast")
    assert matching.start_job(session, key(job.job_id), slot, None) == stage.stage_id
    session.expire_all()
    assert (job.state, job.workflow_id, job.stage_id) == (JobState.STARTED, stage.workflow_id, stage.stage_id)
    assert (job.site_id, job.entry_name, job.hostname, job.cpuinfo) == (slot.site_id, "entry1", "node1", "fast")
    assert job.heartbeat_at is not None
    load = session.get_one(StageLoad, stage.stage_id)
    assert (load.running_jobs, load.unasked_jobs) == (1, 1)
    (event,) = session.exec(select(Event).where(Event.job_id == job.job_id)).all()
    assert (event.event_type, event.site_id, event.entry_name) == (EventType.JOB_STARTED, slot.site_id, "entry1")


@pytest.mark.parametrize("state", set(JobState) - {JobState.SUBMITTED})
def test_only_submitted_jobs_start(session: Session, state: JobState) -> None:
    stage = a_stage(session)
    job = make_job(session, stage, state=state)
    assert not matching.bind_job(session, key(job.job_id), key(stage.stage_id), a_slot(session))


@pytest.mark.parametrize("limit", ["stage", "quota"])
def test_limits_hold_however_many_start_at_once(fresh_database: Database, limit: str) -> None:
    with database.session(fresh_database) as session:
        stage = a_stage(session, files=100, max_jobs=7 if limit == "stage" else None)
        make_scope(session, SCOPE, max_running_jobs=7 if limit == "quota" else 1000)
        slot = a_slot(session)
        jobs = [key(make_job(session).job_id) for _ in range(40)]

    def start(job_id: int) -> int | None:
        with database.session(fresh_database) as session:
            return matching.start_job(session, job_id, slot, None)

    with ThreadPoolExecutor(16) as pool:
        started = list(pool.map(start, jobs))
    assert Counter(started) == {stage.stage_id: 7, None: 33}
    ended = [job_id for job_id, stage_id in zip(jobs, started, strict=True) if stage_id][:3]
    with database.session(fresh_database) as session:
        moves.move_jobs(session, ended, JobState.ABORTED, Reason("tester"))
    with ThreadPoolExecutor(16) as pool:
        again = list(pool.map(start, [job for job, stage_id in zip(jobs, started, strict=True) if not stage_id]))
    assert Counter(again)[stage.stage_id] == 3
    with database.session(fresh_database) as session:
        running = select(Job.job_id).where(Job.state == JobState.STARTED)
        assert len(session.exec(running).all()) == session.get_one(StageLoad, stage.stage_id).running_jobs == 7
        assert session.get_one(QuotaLoad, make_scope(session)).running_jobs == 7


def test_who_loses_the_last_room_of_a_stage_finds_another(fresh_database: Database) -> None:
    near = {f"NEAR_{number}": 0 for number in range(25)}
    with database.session(fresh_database) as session:
        make_site(session, distances=near)
        # As many rows of the choice as it has, all of them of one stage.
        wanted = make_stage(session, make_workflow(session, priority=100), max_jobs=1)
        for storage in near:
            make_files(session, wanted, 2, storages=[storage])
        other = a_stage(session, storage="NEAR_0")
        slot = a_slot(session)
        first, second = (key(make_job(session).job_id) for _ in range(2))

    def start(job_id: int) -> int | None:
        with database.single_statements(fresh_database) as session:
            return matching.start_job(session, job_id, slot, None)

    with ThreadPoolExecutor(1) as pool, Session(fresh_database.engine) as holder:
        assert matching.start_job(holder, first, slot, None) == wanted.stage_id
        answer = pool.submit(start, second)
        wait_until(lambda: waits_for_a_lock(fresh_database))
        holder.commit()
        assert answer.result(30) == other.stage_id


def waits_for_a_lock(asked: Database) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with database.session(asked) as session:
        return bool(session.connection().exec_driver_sql(query).scalar_one())

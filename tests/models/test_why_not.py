"""What keeps jobs at each site from the files at each storage: every condition that is not met, in its order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from justin.states import FileState, JobState
from models import seed
from models.database import Session
from models.places import Entry, Site, Storage
from models.queries import why_not
from models.queries.why_not import Waiting
from models.workflows import Stage, StageStorage
from tests.support.makers import key, known_site, make_files, make_job, make_site, make_stage

GIB = 1 << 30
H200: dict[str, Any] = {
    "name": "NVIDIA H200",
    "memory_bytes": 140 * GIB,
    "compute_capability": 9.0,
    "runtime_version": 12.8,
}


def unmet(session: Session, stage: Stage, site: str | None = None) -> list[list[str]]:
    return [pair.unmet for pair in why_not.pairs(session, key(stage.stage_id), site)]


def a_stage(session: Session, **values: Any) -> Stage:
    """Make a stage with a file beside the only site."""
    make_site(session)
    stage = make_stage(session, **values)
    make_files(session, stage)
    return stage


def add_entry(session: Session, name: str = "entry", **values: Any) -> None:
    rich: dict[str, Any] = {"processors": 8, "rss_bytes": 16 * GIB, "wall_seconds": 86_400, "inner_container": True}
    session.add(Entry(name=name, site_id=known_site(session), **(rich | values)))
    session.flush()


def test_each_site_is_told_for_each_storage_that_holds_waiting_files(session: Session) -> None:
    make_site(session, "CH_CERN", distances={"CERN": 0, "FNAL": 100, "EMPTY": 0})
    make_site(session, "US_FNAL", distances={"FNAL": 0})
    stage = make_stage(session, max_distance=50)
    make_files(session, stage, storages=["CERN", "FNAL"])
    make_files(session, stage, storages=["EMPTY"], state=FileState.PROCESSED)
    found = [(one.site, one.rse, one.distance, one.unmet) for one in why_not.pairs(session, key(stage.stage_id))]
    assert found == [
        ("CH_CERN", "CERN", 0, []),
        ("CH_CERN", "FNAL", 100, ["in_reach"]),
        ("US_FNAL", "CERN", None, ["in_reach"]),
        ("US_FNAL", "FNAL", 0, []),
    ]
    assert [one.site for one in why_not.pairs(session, key(stage.stage_id), "US_FNAL")] == ["US_FNAL"] * 2


def test_every_condition_that_is_not_met_is_named(session: Session) -> None:
    make_site(session, distances={"MANCHESTER": 10}, enabled=False)
    stage = make_stage(session)
    make_files(session, stage)
    for storage in session.exec(select(Storage)).all():
        storage.rucio_read = storage.enabled_read = False
    other = seed.ensure_storage(session, "OTHER")
    session.add(StageStorage(stage_id=key(stage.stage_id), storage_id=other, for_input=True))
    session.flush()
    assert unmet(session, stage) == [
        ["site_enabled", "in_reach", "storage_allowed", "storage_readable", "reading_enabled"]
    ]


@pytest.mark.parametrize(
    ("stage", "entry", "name"),
    [
        ({}, {"enabled": False}, "entry_enabled"),
        ({"processors": 9}, {}, "entry_processors"),
        ({"rss_bytes": 17 * GIB}, {}, "entry_memory"),
        ({"rss_bytes": 17 * GIB}, {"rss_bytes": 0}, None),
        ({"wall_seconds": 90_000}, {}, "entry_wall_time"),
        ({"wall_seconds": 90_000}, {"wall_seconds": 0}, None),
        ({"image": "/image"}, {"inner_container": False}, "entry_container"),
        ({"image": "/image"}, {"inner_container": None}, None),
        ({"image": "/image"}, {}, None),
        ({"gpus": 1}, {}, "entry_gpus"),
        ({"gpus": 2}, {"gpus": 1}, "entry_gpus"),
        ({"gpus": 1}, {"gpus": 1}, None),
        ({}, {"gpus": 1}, None),
        ({}, {"gpus": 1, "gpus_always": True}, "entry_gpus_kept"),
        ({"gpus": 1}, {"gpus": 1, "gpus_always": True}, None),
    ],
)
def test_what_no_entry_of_a_site_offers_is_named(
    session: Session, stage: dict[str, Any], entry: dict[str, Any], name: str | None
) -> None:
    made = a_stage(session, **stage)
    assert unmet(session, made) == [[]], "without entries nothing is known"
    add_entry(session, **entry)
    assert unmet(session, made) == [[name] if name else []]
    add_entry(session, "richer", processors=64, rss_bytes=512 * GIB, wall_seconds=10**6, gpus=8)
    assert unmet(session, made) == [[]]


def test_entries_that_offer_each_a_part_are_told_apart_from_those_that_lack_something(session: Session) -> None:
    stage = a_stage(session, processors=8, gpus=1)
    add_entry(session, "many processors", gpus=0)
    add_entry(session, "a GPU", processors=1, gpus=1)
    assert unmet(session, stage) == [["entry_all"]]


def test_an_entry_that_is_not_used_offers_nothing(session: Session) -> None:
    stage = a_stage(session, processors=8)
    add_entry(session, "used", processors=1)
    add_entry(session, "not used", enabled=False)
    assert unmet(session, stage) == [["entry_all"]]


def test_of_retired_places_only_what_is_asked_for_is_told(session: Session) -> None:
    stage = a_stage(session)
    ((name, retired),) = [(site.name, site) for site in session.exec(select(Site)).all()]
    retired.retired_at = datetime.now(UTC)
    session.flush()
    assert unmet(session, stage) == []
    assert unmet(session, stage, name) == [[]]
    for storage in session.exec(select(Storage)).all():
        storage.retired_at = datetime.now(UTC)
    session.flush()
    assert unmet(session, stage, name) == [["storage_known"]]


@pytest.mark.parametrize(
    ("needs", "name"),
    [
        ({"gpu_memory_bytes": 141 * GIB}, "entry_gpu_memory"),
        ({"gpu_min_capability": 10}, "entry_gpu_capability"),
        ({"gpu_max_capability": 8.9}, "entry_gpu_capability"),
        ({"gpu_min_runtime": 13}, "entry_gpu_runtime"),
        ({"gpu_model": "NVIDIA A*"}, "entry_gpu_model"),
        (
            {
                "gpu_memory_bytes": 140 * GIB,
                "gpu_min_capability": 9,
                "gpu_max_capability": 9,
                "gpu_min_runtime": 12.8,
                "gpu_model": "NVIDIA H*",
            },
            None,
        ),
    ],
)
@pytest.mark.parametrize("told_by", ["a job", "an entry"])
def test_what_no_gpu_of_a_site_is_is_named(
    session: Session, needs: dict[str, Any], name: str | None, told_by: str
) -> None:
    stage = a_stage(session, gpus=1, **needs)
    if told_by == "a job":
        make_job(session, stage, state=JobState.FINISHED, gpus={"gpus": [H200]})
    else:
        add_entry(session, gpus=1, configuration={"gpus": [H200]})
    assert unmet(session, stage) == [[name] if name else []]
    make_job(session, stage, state=JobState.FINISHED, gpus={"gpus": []})
    assert unmet(session, a_stage(session, **needs)) == [[]], "a stage without GPUs needs none of it"


def test_gpus_that_are_each_a_part_of_it(session: Session) -> None:
    stage = a_stage(session, gpus=1, gpu_memory_bytes=100 * GIB, gpu_min_capability=10)
    make_job(session, stage, state=JobState.FINISHED, gpus={"gpus": [H200]})
    small = H200 | {"name": "NVIDIA B1", "memory_bytes": 10 * GIB, "compute_capability": 10.0}
    make_job(session, stage, state=JobState.FINISHED, gpus={"gpus": [small]})
    assert unmet(session, stage) == [["entry_gpu_all"]]


def test_waiting_files_are_counted_by_where_they_lie(session: Session) -> None:
    stage = make_stage(session)
    both = make_files(session, stage, 2, storages=["A", "B"])
    (one,) = make_files(session, stage, 1, storages=["A"])
    make_files(session, stage, 1, state=FileState.ALLOCATED)
    a, b = (seed.ensure_storage(session, name) for name in ("A", "B"))
    stage_id = key(stage.stage_id)
    assert why_not.waiting(session, stage_id) == [Waiting(sorted([a, b]), 2), Waiting([a], 1)]
    assert why_not.waiting(session, stage_id, one.did) == [Waiting([a], 1)]
    assert why_not.waiting(session, stage_id, both[0].did) == [Waiting(sorted([a, b]), 1)]
    assert why_not.waiting(session, stage_id, "usertests:other") == []


def test_jobs_that_were_meant_for_a_stage_are_told_of(session: Session) -> None:
    stage = make_stage(session)
    stage_id = key(stage.stage_id)
    assert why_not.stage_jobs(session, stage_id) == []
    now = datetime.now(UTC)
    for minutes in (10, 60):
        make_job(session, hint_stage_id=stage_id, submitted_at=now - timedelta(minutes=minutes))
    for message in ("held", "held", "full"):
        values: dict[str, Any] = {
            "hint_stage_id": stage_id,
            "state_message": message,
            "finished_at": now - timedelta(minutes=5),
        }
        make_job(session, state=JobState.STALLED, **values)
    make_job(session, state=JobState.STALLED, hint_stage_id=stage_id, finished_at=now - timedelta(days=2))
    make_job(session, stage, state=JobState.FINISHED, hint_stage_id=stage_id, started_at=now, finished_at=now)
    found = why_not.stage_jobs(session, stage_id)
    assert [(one.state, one.message, one.jobs) for one in found] == [
        (JobState.SUBMITTED, "", 2),
        (JobState.STALLED, "held", 2),
        (JobState.STALLED, "full", 1),
    ]
    assert 3590 < found[0].seconds < 3700
    assert 290 < found[1].seconds < 400

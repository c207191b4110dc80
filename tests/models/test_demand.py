"""How many jobs each stage could use, and jobs that are made known before they start."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from justin.states import EventType, FactoryLimit, FileState, JobState, WorkflowState
from models import demand, seed
from models.database import Session
from models.demand import JobClass, NewJob, Place, StageDecision, StageDemand
from models.factory import FactoryDecision
from models.jobs import Job
from models.people import Quota
from models.places import Site, Storage
from models.records import Event
from models.workflows import Stage, StageSite, StageStorage
from tests.support.makers import SITE, STORAGE, key, make_files, make_job, make_site, make_stage, make_workflow

ANY = JobClass(quota_id=None, hint_stage_id=None, processors=1, rss_bytes=1, wall_seconds=1)


def places(session: Session, stage: Stage) -> list[Place]:
    return demand.stage_places(session, [key(stage.stage_id)]).get(key(stage.stage_id), [])


def sites(session: Session, stage: Stage) -> list[str]:
    return [place.site for place in places(session, stage)]


def the_demand(session: Session, stage: Stage, most_idle: int = 10) -> StageDemand:
    (found,) = [one for one in demand.stage_demands(session, most_idle) if one.stage_id == stage.stage_id]
    return found


def test_a_stage_with_files_within_reach_is_in_demand(session: Session) -> None:
    make_site(session)
    make_site(session, "CH_CERN", distances={STORAGE: 50})
    stage = make_stage(session, max_jobs=7, classads={"WANTS": "this"})
    make_files(session, stage, 3)
    make_files(session, stage, 1, state=FileState.ALLOCATED)
    make_job(session, hint_stage_id=stage.stage_id)
    make_job(session, stage, asked_for_files=True)
    (found,) = demand.stage_demands(session, most_idle=100)
    assert (found.stage_id, found.waiting_files, found.queued_jobs, found.running_jobs) == (stage.stage_id, 3, 1, 1)
    assert (found.max_jobs, found.classads) == (7, {"WANTS": "this"})
    assert sites(session, stage) == [SITE]
    (found,) = demand.stage_demands(session, most_idle=1)
    assert found.waiting_files == 2, "as many as one more job and the running one could take"


def test_a_greater_distance_reaches_more_sites(session: Session) -> None:
    make_site(session)
    make_site(session, "CH_CERN", distances={STORAGE: 50})
    stage = make_stage(session, max_distance=50)
    make_files(session, stage)
    assert sites(session, stage) == ["CH_CERN", SITE]


def test_what_cannot_run_is_nowhere_in_demand(session: Session) -> None:
    site_id = make_site(session)
    stage = make_stage(session)
    make_files(session, stage, 2)
    other_site = seed.ensure_site(session, "Elsewhere")
    other_storage = seed.ensure_storage(session, "OTHER")
    storage = session.exec(select(Storage).where(Storage.name == STORAGE)).one()
    quota = session.exec(select(Quota)).one()
    site = session.get_one(Site, site_id)
    workflow = session.get_one(type(make_workflow(session)), stage.workflow_id)

    def none_with(row: object, name: str, value: object) -> bool:
        before = getattr(row, name)
        setattr(row, name, value)
        session.flush()
        found = [one for one in demand.stage_demands(session, 10) if one.waiting_files]
        empty = not (found and sites(session, stage))
        assert empty == (not found), "files are counted where there are sites"
        setattr(row, name, before)
        session.flush()
        return empty

    assert none_with(storage, "rucio_read", value=False)
    assert none_with(storage, "enabled_read", value=False)
    assert none_with(quota, "enabled", value=False)
    assert none_with(site, "enabled", value=False)
    for state in (WorkflowState.PAUSED, WorkflowState.CANCELLING, WorkflowState.FINISHING):
        assert none_with(workflow, "state", state)
    assert len(demand.stage_demands(session, 10)) == 1
    for row in (
        StageSite(stage_id=stage.stage_id or 0, site_id=other_site),
        StageStorage(stage_id=stage.stage_id or 0, storage_id=other_storage, for_input=True),
    ):
        session.add(row)
        session.flush()
        assert the_demand(session, stage).waiting_files == 0
        assert the_demand(session, stage).files_wait
        assert sites(session, stage) == []
        session.delete(row)
        session.flush()


def ended(session: Session, stage: Stage, state: JobState, minutes: float = 5, **values: Any) -> None:
    """Make a job of the stage that ran for a minute and ended so long ago."""
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    make_job(session, stage, state=state, **({"started_at": at - timedelta(minutes=1), "finished_at": at} | values))


def test_jobs_that_ended_tell_of_success_and_files_per_job(session: Session) -> None:
    make_site(session)
    stage = make_stage(session)
    make_files(session, stage, 1)
    ended(session, stage, JobState.FINISHED, processed_files=7)
    ended(session, stage, JobState.FINISHED, processed_files=0)
    ended(session, stage, JobState.JOBSCRIPT_ERROR, processed_files=3)
    for state in (JobState.STALLED, JobState.ABORTED, JobState.NONE_PROCESSED, JobState.TIMED_OUT):
        ended(session, stage, state)
    found = the_demand(session, stage)
    assert (found.ended_jobs, found.good_jobs, found.fruitful_jobs, found.processed_files) == (7, 2, 1, 7)
    ended(session, stage, JobState.NOTUSED)
    ended(session, stage, JobState.NONE_PROCESSED, was_refused=True)
    ended(session, stage, JobState.STALLED, started_at=None)
    make_job(session, stage)
    assert the_demand(session, stage).ended_jobs == 7


def test_jobs_from_before_the_last_start_tell_nothing(session: Session) -> None:
    make_site(session)
    workflow = make_workflow(session, started_at=datetime.now(UTC) - timedelta(minutes=10))
    stage = make_stage(session, workflow)
    ended(session, stage, JobState.FINISHED, minutes=11)
    ended(session, stage, JobState.FINISHED, minutes=9.5)
    assert the_demand(session, stage).ended_jobs == 0
    ended(session, stage, JobState.FINISHED, minutes=8)
    assert the_demand(session, stage).good_jobs == 1


def test_the_newest_jobs_are_looked_at(session: Session) -> None:
    make_site(session)
    stage = make_stage(session)
    for minutes in range(1, 8):
        ended(session, stage, JobState.FINISHED if minutes < 3 else JobState.STALLED, minutes)
    (found,) = demand.stage_demands(session, 10, recent_jobs=4)
    assert (found.ended_jobs, found.good_jobs) == (4, 2)


def test_files_are_counted_as_far_as_jobs_could_take_them(session: Session) -> None:
    make_site(session)
    stage = make_stage(session)
    make_files(session, stage, 30)
    assert the_demand(session, stage, most_idle=4).waiting_files == 4
    ended(session, stage, JobState.FINISHED, processed_files=3)
    assert the_demand(session, stage, most_idle=4).waiting_files == 12


def test_queued_jobs_are_told_by_how_long_they_wait_and_when_one_started(session: Session) -> None:
    make_site(session)
    stage, other = make_stage(session), make_stage(session)
    assert (the_demand(session, stage).oldest_queued_seconds, the_demand(session, stage).last_start_seconds) == (
        None,
        None,
    )
    for minutes in (20, 10):
        at = datetime.now(UTC) - timedelta(minutes=minutes)
        make_job(session, hint_stage_id=stage.stage_id, submitted_at=at)
        # A job that was meant for the stage tells of it, whatever stage it serves.
        make_job(session, other, hint_stage_id=stage.stage_id, started_at=at)
    found = the_demand(session, stage)
    assert (found.queued_jobs, found.all_queued_jobs, found.quota_jobs) == (2, 2, 2)
    assert round(found.oldest_queued_seconds or 0, -2) == 1200
    assert round(found.last_start_seconds or 0, -2) == 600


def test_files_out_of_reach_ask_for_no_jobs(session: Session) -> None:
    make_site(session, distances={"NEAR": 0, "FAR": 50})
    stage = make_stage(session, max_distance=10)
    make_files(session, stage, 3, storages=["FAR"])
    assert (the_demand(session, stage).waiting_files, the_demand(session, stage).files_wait) == (0, True)
    make_files(session, stage, 2, storages=["FAR", "NEAR"])
    assert the_demand(session, stage).waiting_files == 2


FITS: dict[str, Any] = {"processors": 8, "rss_bytes": 16 << 30, "wall_seconds": 86_400}


def test_a_stage_goes_through_the_entries_that_fit(session: Session) -> None:
    site_id = make_site(session)
    make_site(session, "Unknown", distances={STORAGE: 0})
    stage = make_stage(session, processors=4, image="/cvmfs/image")
    make_files(session, stage)
    assert places(session, stage) == [Place(SITE, None), Place("Unknown", None)]
    entries: dict[str, dict[str, Any]] = {
        "Fits": {},
        "NothingKnown": {"rss_bytes": 0, "wall_seconds": 0},
        "NoContainer": {"inner_container": False},
        "Small": {"processors": 2},
        "Short": {"wall_seconds": 60},
        "Lean": {"rss_bytes": 1 << 20},
        "GpusAlone": {"gpus": 1, "gpus_always": True},
        "Off": {"enabled": False},
    }
    for name, values in entries.items():
        seed.ensure_entry(session, name, site_id, **(FITS | values))
    assert places(session, stage) == [Place(SITE, ("Fits", "NothingKnown")), Place("Unknown", None)]
    stage.gpus = 1
    assert places(session, stage) == [Place(SITE, ("GpusAlone",)), Place("Unknown", None)]
    stage.gpus = 2
    assert sites(session, stage) == ["Unknown"]


@pytest.mark.parametrize("entry", [{"enabled": False}, {"processors": 1}, {"gpus": 1, "gpus_always": True}])
def test_a_stage_that_fits_nowhere_has_no_files_in_reach(session: Session, entry: dict[str, Any]) -> None:
    site_id = make_site(session)
    stage = make_stage(session, processors=4)
    make_files(session, stage)
    seed.ensure_entry(session, "One", site_id, **(FITS | entry))
    assert sites(session, stage) == []
    assert (the_demand(session, stage).waiting_files, the_demand(session, stage).files_wait) == (0, True)


def decision(stage: Stage, **values: Any) -> StageDecision:
    row: dict[str, Any] = dict.fromkeys(("waiting_files", "queued_jobs", "running_jobs", "wanted_jobs"), 0)
    row |= {"files_per_job": 1.0, "success_rate": 1.0, "submitted_jobs": 0, "sites": (), "entries": ()}
    row |= {"limited_by": FactoryLimit.AS_WANTED, "sentence": "Well."}
    return StageDecision(stage_id=key(stage.stage_id), **(row | values))


def test_a_decision_is_kept_until_the_next_and_for_running_stages_alone(session: Session) -> None:
    make_site(session)
    stage, other = make_stage(session), make_stage(session)
    demand.put_decisions(session, [decision(stage), decision(other, limited_by=FactoryLimit.QUOTA)])
    demand.put_decisions(session, [decision(stage, wanted_jobs=3)])
    kept = {row.stage_id: row for row in session.exec(select(FactoryDecision))}
    assert kept[key(stage.stage_id)].wanted_jobs == 3
    assert kept[key(other.stage_id)].limited_by is FactoryLimit.QUOTA
    demand.forget_decisions(session, [key(other.stage_id)])
    assert session.exec(select(FactoryDecision.stage_id)).all() == [other.stage_id]


def test_it_is_known_where_queued_jobs_may_run(session: Session) -> None:
    make_site(session)
    stage = make_stage(session)

    def known(queued: int, submitted: int, *sites: str) -> list[str]:
        made = decision(
            stage, queued_jobs=queued, submitted_jobs=submitted, sites=sites, entries=[f"{s}_1" for s in sites]
        )
        demand.put_decisions(session, [made])
        found = the_demand(session, stage)
        assert found.queued_entries == [f"{site}_1" for site in found.queued_sites]
        return found.queued_sites

    assert known(0, 5, "B") == ["B"]
    assert known(5, 0, "A") == ["B"], "nothing was submitted there"
    assert known(5, 2, "A") == ["A", "B"], "some are here, some are there"
    assert known(0, 0, "C") == ["C"], "those that were queued have gone"


def test_new_jobs_are_submitted_once_and_told(session: Session) -> None:
    stage = make_stage(session)
    jobs = [NewJob(f"7.{proc}@pool", f"{proc:064}", f"{proc + 5:064}") for proc in range(3)]
    of = replace(ANY, hint_stage_id=stage.stage_id, processors=4, gpus=1)
    demand.insert_jobs(session, jobs, of, "tester")
    made = session.exec(select(Job).order_by(col(Job.job_id))).all()
    assert [(job.jobsub_id, job.state, job.secret) for job in made] == [
        (job.jobsub_id, JobState.SUBMITTED, job.secret) for job in jobs
    ]
    assert {(job.requested_processors, job.requested_gpus, job.in_pool) for job in made} == {(4, 1, True)}
    told = session.exec(select(Event).where(Event.event_type == EventType.JOB_SUBMITTED)).all()
    assert [event.job_id for event in told] == [job.job_id for job in made]
    assert {event.workflow_id for event in told} == {stage.workflow_id}


def test_a_job_for_no_stage_in_particular(session: Session) -> None:
    demand.insert_jobs(session, [NewJob("8.0@pool", "0" * 64, "1" * 64)], ANY, "tester")
    assert session.exec(select(Job.hint_stage_id)).one() is None

"""How many jobs each stage could use, and jobs that are made known before they start."""

from dataclasses import replace

from sqlmodel import col, select

from justin.states import EventType, FileState, JobState, WorkflowState
from models import demand, seed
from models.database import Session
from models.demand import JobClass, NewJob, Place, StageDemand
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

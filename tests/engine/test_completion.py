"""The ends of workflows: their datasets are closed in both catalogues, their queued jobs taken out."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlmodel import select

from engine import completion, due
from engine.adapters.metacat import MetaCat
from engine.completion import Completed
from engine.errors import ServiceRefused
from engine.runtime import Runtime
from justin.states import EventType, FileState, JobState, WorkflowState
from models import datasets, seed
from models.datasets import DatasetKind, NewDataset
from models.jobs import Job
from models.records import Event
from models.workflows import Workflow
from tests.support.makers import make_files, make_job, make_output_pattern, make_stage, make_workflow
from tests.support.mortal import Counter, Killed, Mortal

SCOPE = "usertests"


def make_done(runtime: Runtime, state: WorkflowState = WorkflowState.RUNNING) -> tuple[int, str]:
    """Make a workflow with nothing left to do and a dataset in both catalogues."""
    name = f"done-{uuid.uuid4().hex[:8]}"
    did = f"{SCOPE}:{name}"
    runtime.metacat.ensure_namespace(SCOPE)
    runtime.rucio.ensure_dataset(did, "justin")
    runtime.metacat.ensure_dataset(did, {})
    with runtime.session() as session:
        workflow = make_workflow(session, user="justin", state=state)
        stage = make_stage(session, workflow)
        output = make_output_pattern(session, stage)
        make_files(session, stage, 2, state=FileState.PROCESSED)
        assert workflow.workflow_id is not None
        assert stage.stage_id is not None
        assert output.output_id is not None
        keys = (workflow.workflow_id, stage.stage_id, output.output_id)
        datasets.remember(session, NewDataset(SCOPE, name, DatasetKind.DESTINATION, *keys))
        return workflow.workflow_id, did


def state_of(runtime: Runtime, workflow_id: int) -> WorkflowState:
    with runtime.session() as session:
        return session.get_one(Workflow, workflow_id).state


def test_a_done_workflow_is_finished_with_its_datasets_closed(grid_runtime: Runtime) -> None:
    workflow_id, did = make_done(grid_runtime)
    assert due.waiting(grid_runtime)["completion"] == 1
    report = completion.complete_workflows(grid_runtime)
    assert report == Completed((workflow_id,), (workflow_id,), closed_datasets=1)
    assert state_of(grid_runtime, workflow_id) == WorkflowState.FINISHED
    with pytest.raises(ServiceRefused, match="closed"):
        grid_runtime.rucio.attach(did, [did.replace("done", "file")])
    with grid_runtime.session() as session:
        told = session.exec(select(Event.event_type).where(Event.workflow_id == workflow_id)).all()
    assert [each for each in told if each != EventType.DATASET_CREATED] == [
        EventType.WORKFLOW_FINISHING,
        EventType.DATASET_CLOSED,
        EventType.WORKFLOW_FINISHED,
    ]
    assert completion.complete_workflows(grid_runtime) == Completed()
    assert due.waiting(grid_runtime)["completion"] == 0


def test_a_cancelled_workflow_lets_its_queued_jobs_go(grid_runtime: Runtime) -> None:
    workflow_id, _ = make_done(grid_runtime, WorkflowState.CANCELLING)
    with grid_runtime.session() as session:
        stage = make_stage(session, session.get_one(Workflow, workflow_id), stage_number=2)
        queued = make_job(session, hint_stage_id=stage.stage_id)
        running = make_job(session, stage)
    report = completion.complete_workflows(grid_runtime)
    assert (report.removed_jobs, report.finished) == (1, ())
    with grid_runtime.session() as session:
        assert session.get_one(Job, queued.job_id).state == JobState.REMOVED
        session.get_one(Job, running.job_id).state = JobState.ABORTED
    assert completion.complete_workflows(grid_runtime).finished == (workflow_id,)


def test_a_silent_catalogue_is_waited_for(grid_runtime: Runtime) -> None:
    workflow_id, _ = make_done(grid_runtime)
    silent = MetaCat(grid_runtime.settings.metacat.model_copy(update={"url": "http://127.0.0.1:9"}))
    report = completion.complete_workflows(replace(grid_runtime, metacat=silent))
    assert report.finished == ()
    assert "MetaCat does not answer" in report.problem
    assert state_of(grid_runtime, workflow_id) == WorkflowState.FINISHING
    assert completion.complete_workflows(grid_runtime).finished == (workflow_id,)


def test_a_death_at_any_call_changes_nothing(grid_runtime: Runtime) -> None:
    workflow_id, _ = make_done(grid_runtime)
    deaths = 0
    while state_of(grid_runtime, workflow_id) != WorkflowState.FINISHED:
        counter = Counter(deaths + 1, Killed(), after=True)
        rucio, metacat = Mortal(grid_runtime.rucio, counter), Mortal(grid_runtime.metacat, counter)
        try:
            completion.complete_workflows(replace(grid_runtime, rucio=rucio, metacat=metacat))
        except Killed:
            deaths += 1
    assert deaths == 2
    with grid_runtime.session() as session:
        told = session.exec(select(Event.event_type).where(Event.event_type == EventType.DATASET_CLOSED)).all()
    assert len(told) == 1


def test_who_has_work_is_known_from_the_database(runtime: Runtime) -> None:
    assert [agent for agent, work in due.waiting(runtime).items() if work] == ["storages"]
    with runtime.session() as session:
        seed.ensure_storage(session, "CERN", deterministic=True)
        workflow = make_workflow(session, refind_next_at=datetime.now(UTC))
        make_files(session, make_stage(session, workflow), 1, state=FileState.FINDING)
    work = due.waiting(runtime)
    assert (work["finder"], work["storages"]) == (2, 0)

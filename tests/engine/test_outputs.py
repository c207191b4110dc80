"""Registering outputs in real catalogues: once, whole, through every interruption."""

import threading
import uuid
import zlib
from collections import Counter as Count
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlmodel import select

from engine import outputs
from engine.adapters.metacat import MetaCat
from engine.errors import Unavailable
from engine.outputs import Registered
from engine.ports import NewFile
from engine.runtime import Runtime
from engine.settings import Outputs
from justin.states import EventType, FileState, JobState, OutboxState
from models import datasets, results, seed
from models.files import Dataset, File, Replica
from models.moves import Reason
from models.records import Event, Outbox
from models.results import ConfirmedOutput, NewOutput
from models.workflows import Stage, StageOutput
from tests.support.makers import make_files, make_job, make_output_pattern, make_stage, make_workflow
from tests.support.mortal import Counter, Killed, Mortal
from tests.support.waiting import wait_until

SCOPE = "usertests"
RSE = "CERN"
DAY_SECONDS = 86_400
BECAUSE = Reason("tester")
AT_ONCE = Outputs(first_retry_seconds=0.001, last_retry_seconds=0.001, lease_seconds=0.001)


@dataclass(frozen=True)
class Uploaded:
    """A job that has uploaded its outputs."""

    job_id: int
    jobsub_id: str
    workflow_id: int
    outputs: dict[str, str]
    """PFNs by DID."""
    inputs: list[int]


@pytest.fixture
def runtime(grid_runtime: Runtime) -> Runtime:
    """One that may be interrupted and goes on at once."""
    grid_runtime.metacat.ensure_namespace(SCOPE)
    return replace(grid_runtime, settings=grid_runtime.settings.model_copy(update={"outputs": AT_ONCE}))


def make_work(runtime: Runtime, **output: Any) -> tuple[int, int]:
    """Make a workflow of two stages, and return the first stage and its output."""
    with runtime.session() as session:
        workflow = make_workflow(session, user="justin")
        # Rucio knows no account of the name that makers give.
        seed.ensure_scope(session, SCOPE, seed.ensure_quota(session, "justin"))
        stages = [make_stage(session, workflow, stage_number=number) for number in (1, 2)]
        row = {"lifetime_seconds": DAY_SECONDS} | output
        pattern = make_output_pattern(session, stages[0], "*.root", **row)
        assert stages[0].stage_id is not None
        assert pattern.output_id is not None
        return stages[0].stage_id, pattern.output_id


def upload(runtime: Runtime, stage_id: int, output_id: int, count: int = 1, parents: Sequence[str] = ()) -> Uploaded:
    """Make a job that took two inputs, and bring it to where its outputs wait to be registered."""
    dids = [f"{SCOPE}:out-{uuid.uuid4().hex}.root" for _ in range(count)]
    pfns = runtime.rucio.write_pfns(RSE, dids, ["file"])
    with runtime.session() as session:
        stage = session.get_one(Stage, stage_id)
        job = make_job(session, stage, state=JobState.PROCESSING, asked_for_files=True)
        assert job.job_id is not None
        inputs = make_files(session, stage, 2, state=FileState.ALLOCATED, job_id=job.job_id, allocations=1)
        taken = [file.file_id for file in inputs if file.file_id is not None]
        results.begin_outputting(session, job.job_id, taken, BECAUSE)
        results.record_outputs(session, job.job_id, [_new(session, did, output_id, job, parents) for did in dids])
        storage_id = seed.ensure_storage(session, RSE)
        recorded = results.recorded_outputs(session, job.job_id)
        for made in recorded:
            write(pfns[made.did][0], made.did)
        places = [ConfirmedOutput(made.file_id, storage_id, pfns[made.did][0], 0.5) for made in recorded]
        results.confirm_outputs(session, job.job_id, places, BECAUSE)
        results.finish_job(session, job.job_id, BECAUSE)
        return Uploaded(job.job_id, job.jobsub_id, stage.workflow_id, {did: pfns[did][0] for did in dids}, taken)


def _new(session: Any, did: str, output_id: int, job: Any, parents: Sequence[str]) -> NewOutput:
    kind = session.get_one(StageOutput, output_id)
    next_stage = None
    if kind.for_next_stage:
        stage = session.get_one(Stage, kind.stage_id)
        next_stage = session.exec(
            select(Stage.stage_id).where(Stage.workflow_id == stage.workflow_id, Stage.stage_number == 2)
        ).one()
    metadata = {"core.runs": [1], "dune.workflow": {"job_id": job.jobsub_id}, "dune.output_status": "recorded"}
    checksum = f"{zlib.adler32(did.encode()):08x}"
    return NewOutput(did, output_id, next_stage, len(did), checksum, metadata, list(parents), targets=[])


def write(pfn: str, content: str) -> None:
    path = Path(urlsplit(pfn).path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def drain(runtime: Runtime) -> Registered:
    """Register until nothing waits."""
    total = Registered()
    while report := outputs.register_outputs(runtime):
        total += report
    return total


def states(runtime: Runtime, job: Uploaded) -> Count[FileState]:
    with runtime.session() as session:
        made = session.exec(select(File.state).where(File.creator_job_id == job.job_id)).all()
        taken = [session.get_one(File, file_id).state for file_id in job.inputs]
        return Count([*(FileState(state) for state in made), *taken])


def check_registered(runtime: Runtime, job: Uploaded, datasets: Sequence[str]) -> None:
    """See that every book holds the outputs, once."""
    dids = sorted(job.outputs)
    known, declared = runtime.rucio.files(dids), runtime.metacat.files(dids)
    for did in dids:
        expected = (len(did), f"{zlib.adler32(did.encode()):08x}")
        assert (known[did].size_bytes, known[did].adler32) == expected
        assert (declared[did].size_bytes, declared[did].adler32) == expected
        assert declared[did].metadata["dune.output_status"] == "confirmed"
        assert declared[did].metadata["core.runs"] == [1]
    for located in runtime.rucio.locate(dids):
        assert (RSE, job.outputs[located.did]) in [(copy.rse, copy.wan_pfn) for copy in located.replicas]
    for dataset in datasets:
        assert runtime.rucio.missing_from(f"{SCOPE}:{dataset}", dids) == set()
        assert runtime.metacat.missing_from(f"{SCOPE}:{dataset}", dids) == set()
    with runtime.session() as session:
        told = Count(session.exec(select(Event.event_type).where(Event.workflow_id == job.workflow_id)).all())
        waiting = session.exec(select(Outbox).where(Outbox.state == OutboxState.WAITING)).all()
    assert told[EventType.OUTPUT_REGISTERED] + told[EventType.OUTPUT_PASSED_ON] == len(dids)
    assert told[EventType.FILE_PROCESSED] == len(job.inputs)
    assert not waiting


def plain_name(runtime: Runtime, job: Uploaded) -> str:
    return f"{runtime.settings.instance}-w{job.workflow_id}s1p1"


def datasets_of(runtime: Runtime, workflow_id: int) -> set[str]:
    with runtime.session() as session:
        return set(session.exec(select(Dataset.name).where(Dataset.workflow_id == workflow_id)))


def test_outputs_are_registered_with_their_datasets_and_inputs(runtime: Runtime) -> None:
    parent = f"{SCOPE}:parent-{uuid.uuid4().hex}"
    runtime.metacat.ensure_dataset(f"{SCOPE}:parents", {})
    runtime.metacat.declare(f"{SCOPE}:parents", [NewFile(parent, 1, "00000001")])
    stage_id, output_id = make_work(runtime, destination="mine")
    job = upload(runtime, stage_id, output_id, 3, parents=[parent, f"{SCOPE}:unknown"])
    report = outputs.register_outputs(runtime)
    assert (report.outputs, report.processed_inputs) == (3, 2)
    plain = plain_name(runtime, job)
    check_registered(runtime, job, [f"{plain}-{RSE}", f"mine-{plain}"])
    assert datasets_of(runtime, job.workflow_id) == {f"{plain}-{RSE}", f"mine-{plain}"}
    assert {record.parents for record in runtime.metacat.files(list(job.outputs)).values()} == {(parent,)}
    assert states(runtime, job) == {FileState.OUTPUT: 3, FileState.PROCESSED: 2}
    assert outputs.register_outputs(runtime) == Registered()


def test_outputs_for_the_next_stage_wait_for_its_jobs(runtime: Runtime) -> None:
    stage_id, output_id = make_work(runtime, for_next_stage=True)
    job = upload(runtime, stage_id, output_id, 2)
    report = drain(runtime)
    assert (report.outputs, report.passed_on) == (2, 2)
    assert states(runtime, job) == {FileState.UNALLOCATED: 2, FileState.PROCESSED: 2}
    with runtime.session() as session:
        files = session.exec(select(File).where(File.creator_job_id == job.job_id)).all()
        places = {session.exec(select(Replica.wan_pfn).where(Replica.file_id == file.file_id)).one() for file in files}
    assert places == set(job.outputs.values())
    check_registered(runtime, job, [plain_name(runtime, job)])


def test_numbered_datasets_are_made_only_when_asked_for(runtime: Runtime) -> None:
    stage_id, output_id = make_work(runtime, rse_expression="FNAL")
    job = upload(runtime, stage_id, output_id, 2)
    drain(runtime)
    plain = plain_name(runtime, job)
    check_registered(runtime, job, [f"{plain}-{RSE}", plain, f"{plain}n001"])


@pytest.mark.parametrize("after", [False, True])
def test_a_death_at_any_call_changes_nothing(runtime: Runtime, after: bool) -> None:
    stage_id, output_id = make_work(runtime, rse_expression="FNAL", for_next_stage=True)
    job = upload(runtime, stage_id, output_id, 2)
    deaths = 0
    while True:
        counter = Counter(deaths + 1, Killed(), after=after)
        dying = replace(runtime, rucio=Mortal(runtime.rucio, counter), metacat=Mortal(runtime.metacat, counter))
        try:
            outputs.register_outputs(dying)
        except Killed:
            deaths += 1
            assert states(runtime, job) == {FileState.UPLOADED: 2, FileState.OUTPUTTING: 2}
        else:
            break
    assert deaths > 15
    check_registered(runtime, job, [f"{plain_name(runtime, job)}n001"])
    assert states(runtime, job) == {FileState.UNALLOCATED: 2, FileState.PROCESSED: 2}


def test_an_outage_at_any_call_postpones(runtime: Runtime) -> None:
    stage_id, output_id = make_work(runtime)
    job = upload(runtime, stage_id, output_id, 2)
    outages = 0
    while not states(runtime, job)[FileState.OUTPUT]:
        counter = Counter(outages + 1, Unavailable("it rains"))
        failing = replace(runtime, rucio=Mortal(runtime.rucio, counter), metacat=Mortal(runtime.metacat, counter))
        report = outputs.register_outputs(failing)
        outages += report.postponed_jobs
        assert report.outputs or report.problem == "it rains"
    assert outages > 10
    check_registered(runtime, job, [plain_name(runtime, job)])


def test_waiting_grows_with_every_outage(runtime: Runtime) -> None:
    stage_id, output_id = make_work(runtime)
    upload(runtime, stage_id, output_id)
    settings = runtime.settings.model_copy(update={"outputs": Outputs(first_retry_seconds=100, last_retry_seconds=150)})
    silent = MetaCat(settings.metacat.model_copy(update={"url": "http://127.0.0.1:9"}))
    patient = replace(runtime, settings=settings, metacat=silent)
    waits = []
    for _ in range(3):
        assert outputs.register_outputs(patient).postponed_jobs == 1
        with runtime.session() as session:
            row = session.exec(select(Outbox)).one()
            waits.append(round((row.next_attempt_at - datetime.now(UTC)).total_seconds(), -1))
            assert "MetaCat does not answer" in row.last_error
            row.next_attempt_at = row.created_at
    assert waits == [100, 150, 150]


def test_two_agents_at_once_do_it_once(runtime: Runtime) -> None:
    stage_id, output_id = make_work(runtime)
    jobs = [upload(runtime, stage_id, output_id, 2) for _ in range(4)]
    reports: list[Registered] = []
    threads = [threading.Thread(target=lambda: reports.append(drain(runtime))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drain(runtime)
    for job in jobs:
        assert states(runtime, job) == {FileState.OUTPUT: 2, FileState.PROCESSED: 2}
    with runtime.session() as session:
        told = Count(session.exec(select(Event.event_type)).all())
    assert (told[EventType.OUTPUT_REGISTERED], told[EventType.FILE_PROCESSED]) == (8, 8)


def test_a_taken_name_sends_only_its_own_job_back(runtime: Runtime) -> None:
    stage_id, output_id = make_work(runtime)
    good, bad = upload(runtime, stage_id, output_id, 2), upload(runtime, stage_id, output_id, 2)
    taken, other = sorted(bad.outputs)
    runtime.rucio.register(RSE, [NewFile(taken, 1, "00000001")])
    report = drain(runtime)
    assert (report.outputs, report.refused_jobs) == (2, 1)
    assert taken in report.problem
    assert states(runtime, good) == {FileState.OUTPUT: 2, FileState.PROCESSED: 2}
    assert states(runtime, bad) == {FileState.DROPPED: 2, FileState.UNALLOCATED: 2}
    for catalogue in (runtime.metacat, runtime.rucio):
        assert catalogue.missing_from(f"{SCOPE}:{plain_name(runtime, bad)}", [other]) == {other}


def test_outputs_known_before_the_refusal_are_retired(runtime: Runtime) -> None:
    stage_id, output_id = make_work(runtime)
    job = upload(runtime, stage_id, output_id, 2)
    first, second = sorted(job.outputs)
    plain = f"{SCOPE}:{plain_name(runtime, job)}"
    runtime.metacat.ensure_dataset(plain, {})
    ours = {"dune.workflow": {"job_id": job.jobsub_id}}
    runtime.metacat.declare(plain, [NewFile(first, len(first), f"{zlib.adler32(first.encode()):08x}", metadata=ours)])
    runtime.rucio.register(RSE, [NewFile(second, 1, "00000001")])
    assert drain(runtime).refused_jobs == 1
    assert runtime.metacat.summary(f"files from {plain}").count == 0


def test_replicas_known_before_the_refusal_are_deleted_and_others_stay(runtime: Runtime) -> None:
    stage_id, output_id = make_work(runtime)
    job = upload(runtime, stage_id, output_id, 2)
    ours, theirs = sorted(job.outputs)
    runtime.rucio.register(RSE, [NewFile(ours, len(ours), f"{zlib.adler32(ours.encode()):08x}")])
    runtime.rucio.register(RSE, [NewFile(theirs, 1, "00000001")])
    assert drain(runtime).refused_jobs == 1
    wait_until(lambda: not replicas(runtime, ours))
    # Rucio lists a replica no more before it deletes the bytes.
    wait_until(lambda: not Path(urlsplit(job.outputs[ours]).path).exists())
    assert replicas(runtime, theirs) == {RSE}


def replicas(runtime: Runtime, did: str) -> set[str]:
    return {replica.rse for found in runtime.rucio.locate([did]) for replica in found.replicas}


def test_closed_datasets_are_opened_again(runtime: Runtime) -> None:
    stage_id, output_id = make_work(runtime)
    first = upload(runtime, stage_id, output_id)
    drain(runtime)
    with runtime.session() as session:
        opened = datasets.open_of(session, first.workflow_id)
        datasets.closed(session, [dataset.dataset_id for dataset in opened])
    for dataset in opened:
        runtime.rucio.close_dataset(dataset.did)
        runtime.metacat.close_dataset(dataset.did)
    second = upload(runtime, stage_id, output_id)
    assert drain(runtime).outputs == 1
    assert states(runtime, second)[FileState.OUTPUT] == 1
    with runtime.session() as session:
        assert datasets.open_of(session, first.workflow_id) == opened
        told = session.exec(select(Event).where(Event.event_type == EventType.DATASET_CREATED)).all()
    assert len(told) == 2


@pytest.mark.parametrize("content", [None, "too short"])
def test_bytes_that_are_not_there_are_never_registered(runtime: Runtime, content: str | None) -> None:
    stage_id, output_id = make_work(runtime)
    job = upload(runtime, stage_id, output_id)
    ((did, pfn),) = job.outputs.items()
    if content is None:
        Path(urlsplit(pfn).path).unlink()
    else:
        write(pfn, content)
    assert drain(runtime).refused_jobs == 1
    assert runtime.rucio.files([did]) == {}
    assert states(runtime, job) == {FileState.DROPPED: 1, FileState.UNALLOCATED: 2}


def test_a_bad_rse_expression_sends_the_job_back(runtime: Runtime) -> None:
    stage_id, output_id = make_work(runtime, rse_expression="NOSUCH")
    job = upload(runtime, stage_id, output_id)
    report = drain(runtime)
    assert report.refused_jobs == 1
    assert "InvalidRSEExpression" in report.problem
    assert states(runtime, job)[FileState.DROPPED] == 1

"""Registering outputs in real catalogues: once, and whole."""

import threading
import uuid
import zlib
from collections import Counter as Count
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlmodel import select

from engine import outputs
from engine.adapters.metacat import MetaCat
from engine.outputs import Registered
from engine.ports import NewFile
from engine.runtime import Runtime
from engine.settings import Outputs
from justin.states import EventType, FileState
from models import datasets
from models.files import File, Replica
from models.records import Event, Outbox
from tests.support.uploads import (
    RSE,
    SCOPE,
    at_once,
    check_registered,
    datasets_of,
    drain,
    make_work,
    plain_name,
    states,
    upload,
    write,
)
from tests.support.waiting import wait_until


@pytest.fixture
def runtime(grid_runtime: Runtime) -> Runtime:
    """One that may be interrupted and goes on at once."""
    return at_once(grid_runtime)


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

"""Jobs that have uploaded their outputs to a real storage, and what all books say of them once they are registered."""

import uuid
import zlib
from collections import Counter as Count
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import select

from engine import outputs
from engine.outputs import Registered
from engine.runtime import Runtime
from engine.settings import Outputs
from justin.states import EventType, FileState, JobState, OutboxState
from models import results, seed
from models.files import Dataset, File
from models.moves import Reason
from models.records import Event, Outbox
from models.results import ConfirmedOutput, NewOutput
from models.workflows import Stage, StageOutput
from tests.support.makers import make_files, make_job, make_output_pattern, make_stage, make_workflow

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


def at_once(runtime: Runtime) -> Runtime:
    """Return a runtime that may be interrupted and goes on at once."""
    runtime.metacat.ensure_namespace(SCOPE)
    return replace(runtime, settings=runtime.settings.model_copy(update={"outputs": AT_ONCE}))


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

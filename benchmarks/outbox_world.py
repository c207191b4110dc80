"""Jobs that have uploaded their outputs, as many as one likes, on a grid: the files lie at a storage."""

import uuid
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from engine import metadata
from engine.chunks import chunks
from engine.ports import NewFile
from engine.runtime import Runtime
from justin.states import FileState, JobState, WorkflowState
from models import seed
from models.database import Session
from models.files import File, Replica
from models.jobs import Job
from models.records import Outbox
from models.reports import Provenance, ReportingJob
from models.workflows import Stage, StageOutput, Workflow

SCOPE: Final = "usertests"
ACCOUNT: Final = "justin"
SITE: Final = "CH_CERN"
RSE: Final = "CERN"
OUTPUTS_PER_JOB: Final = 2
LIFETIME_SECONDS: Final = 86_400
AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class World:
    """What waits to be registered."""

    files: list[NewFile]
    """As the catalogues are to know them."""
    word: str
    """In all names, to keep them apart from others'."""


@dataclass(frozen=True, slots=True)
class _Place:
    stage: Stage
    output_id: int
    site_id: int
    storage_id: int


def build(runtime: Runtime, outputs: int) -> World:
    """Make a workflow whose jobs have uploaded so many outputs."""
    word = uuid.uuid4().hex[:8]
    with runtime.session() as session:
        place = _place(session)
    inputs = _inputs(runtime, outputs // OUTPUTS_PER_JOB, word)
    files = [_output(place.stage, number, inputs[number // OUTPUTS_PER_JOB], word) for number in range(outputs)]
    files = _stored(runtime, files)
    for chunk in chunks(range(len(inputs)), AT_ONCE):
        with runtime.session() as session:
            _fill(session, place, [_Made(word, job, inputs[job], _of(files, job)) for job in chunk])
    return World(files, word)


def _place(session: Session) -> _Place:
    seed.ensure_scope(session, SCOPE, seed.ensure_quota(session, ACCOUNT))
    workflow = Workflow(
        user_id=seed.ensure_user(session, ACCOUNT), scope=SCOPE, mql="files", state=WorkflowState.RUNNING
    )
    session.add(workflow)
    session.flush()
    stage = Stage(
        workflow_id=workflow.workflow_id or 0,
        stage_number=1,
        jobscript="#!/bin/sh\n",
        jobscript_sha256="0" * 64,
        rss_bytes=1 << 31,
        wall_seconds=3600,
    )
    session.add(stage)
    session.flush()
    pattern = StageOutput(
        stage_id=stage.stage_id or 0, pattern_id=1, pattern="*.root", lifetime_seconds=LIFETIME_SECONDS
    )
    session.add(pattern)
    session.flush()
    session.expunge(stage)
    return _Place(stage, pattern.output_id or 0, seed.ensure_site(session, SITE), seed.ensure_storage(session, RSE))


def _inputs(runtime: Runtime, count: int, word: str) -> list[str]:
    """Make the inputs known to MetaCat: they become parents."""
    dataset = f"{SCOPE}:{word}-inputs"
    runtime.metacat.ensure_dataset(dataset, {})
    files = [NewFile(f"{SCOPE}:{word}-input-{number:06}.root", 1, "00000001") for number in range(count)]
    runtime.metacat.declare(dataset, files)
    return [file.did for file in files]


def _output(stage: Stage, number: int, parent: str, word: str) -> NewFile:
    did = f"{SCOPE}:{word}-reconstructed_run012345_{number:06}.root"
    said = {"core.data_tier": "full-reconstructed", "core.runs": [12345], "core.event_count": number}
    return NewFile(
        did=did,
        size_bytes=len(did),
        adler32=f"{zlib.adler32(did.encode()):08x}",
        rse=RSE,
        metadata=metadata.complete(said, _provenance(stage, _jobsub_id(word, number // OUTPUTS_PER_JOB))),
        parents=(parent,),
    )


def _provenance(stage: Stage, jobsub_id: str) -> Provenance:
    job = ReportingJob(
        jobsub_id=jobsub_id,
        site=SITE,
        site_id=0,
        workflow_id=stage.workflow_id,
        stage_id=stage.stage_id or 0,
        stage_number=1,
        scope=SCOPE,
        user=ACCOUNT,
        hostname="node1.example.org",
        cpuinfo="AMD EPYC 7763 64-Core Processor",
        os_release="AlmaLinux 9.6 (Sage Margay)",
        image_digest="",
    )
    now = datetime.now(UTC)
    return Provenance(job, now, now, 3600.0, 3500.0, 1 << 31, "")


def _stored(runtime: Runtime, files: list[NewFile]) -> list[NewFile]:
    """Write the files to the storage."""
    stored = []
    for chunk in chunks(files, AT_ONCE):
        pfns = runtime.rucio.write_pfns(RSE, [file.did for file in chunk], ["file"])
        for file in chunk:
            (pfn, *_) = pfns[file.did]
            path = Path(urlsplit(pfn).path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.did)
            stored.append(NewFile(file.did, file.size_bytes, file.adler32, RSE, pfn, file.metadata, file.parents))
    return stored


@dataclass(frozen=True, slots=True)
class _Made:
    """A job, its input and its outputs."""

    word: str
    number: int
    input: str
    outputs: list[NewFile]


def _of(files: list[NewFile], job: int) -> list[NewFile]:
    return files[OUTPUTS_PER_JOB * job : OUTPUTS_PER_JOB * (job + 1)]


def _jobsub_id(word: str, number: int) -> str:
    return f"{number}.0@{word}"


def _fill(session: Session, place: _Place, made: list[_Made]) -> None:
    jobs = [_job(place, each) for each in made]
    session.add_all(jobs)
    session.flush()
    pairs = [(job, each, file) for job, each in zip(jobs, made, strict=True) for file in each.outputs]
    inputs = [
        _file(place, each.input, FileState.OUTPUTTING, stage_id=place.stage.stage_id, allocations=1, job_id=job.job_id)
        for job, each in zip(jobs, made, strict=True)
    ]
    outputs = [
        _file(
            place,
            file.did,
            FileState.UPLOADED,
            creator_job_id=job.job_id,
            output_id=place.output_id,
            size_bytes=file.size_bytes,
            adler32=file.adler32,
        )
        for job, _, file in pairs
    ]
    session.add_all([*inputs, *outputs])
    session.flush()
    for row, (job, _, file) in zip(outputs, pairs, strict=True):
        session.add(Replica(file_id=row.file_id or 0, storage_id=place.storage_id, wan_pfn=file.pfn))
        session.add(_waiting(place, row, job, file))


def _job(place: _Place, made: _Made) -> Job:
    return Job(
        jobsub_id=_jobsub_id(made.word, made.number),
        state=JobState.FINISHED,
        secret="0" * 64,
        jobscript_secret="0" * 64,
        workflow_id=place.stage.workflow_id,
        stage_id=place.stage.stage_id,
        site_id=place.site_id,
    )


def _file(place: _Place, did: str, state: FileState, **values: Any) -> File:
    return File(workflow_id=place.stage.workflow_id, did=did, state=state, **values)


def _waiting(place: _Place, row: File, job: Job, file: NewFile) -> Outbox:
    return Outbox(
        file_id=row.file_id or 0,
        job_id=job.job_id or 0,
        workflow_id=place.stage.workflow_id,
        storage_id=place.storage_id,
        pfn=file.pfn,
        file_metadata=dict(file.metadata),
        parents=list(file.parents),
    )

"""Rows made for tests: every value that a test does not care about has a default."""

import itertools
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import select

from justin.states import ACTIVE_JOB_STATES, FileState, JobState, WorkflowState
from models import placements, seed
from models.database import Session
from models.files import File, Replica
from models.jobs import Job, QuotaLoad, StageLoad
from models.people import Scope
from models.places import Site
from models.workflows import Stage, StageOutput, Workflow

SITE = "UK_Manchester"
STORAGE = "MANCHESTER"
SCOPE = "usertests"

_numbers = itertools.count(1)


def key(number: int | None) -> int:
    """Return the key of a row that is in the database."""
    assert number is not None
    return number


def make_site(session: Session, name: str = SITE, *, distances: Mapping[str, int] | None = None, **values: Any) -> int:
    """Make a site with its storages by distance; the storage STORAGE stands beside it unless told otherwise."""
    site_id = seed.ensure_site(session, name, **values)
    for storage, distance in ({STORAGE: 0} if distances is None else distances).items():
        seed.ensure_distance(session, site_id, seed.ensure_storage(session, storage), distance)
    return site_id


def known_site(session: Session, name: str = SITE) -> int:
    """Return the key of a site, which is made unless it exists."""
    found = session.exec(select(Site.site_id).where(Site.name == name)).first()
    return found or make_site(session, name)


def make_scope(session: Session, name: str = SCOPE, **quota: Any) -> int:
    """Make a scope with a quota of the same name, and return the quota's key."""
    quota_id = seed.ensure_quota(session, name, **quota)
    seed.ensure_scope(session, name, quota_id)
    return quota_id


def make_workflow(
    session: Session,
    *,
    user: str = "alice",
    scope: str = SCOPE,
    state: WorkflowState = WorkflowState.RUNNING,
    **values: Any,
) -> Workflow:
    """Make a workflow with no stages; its scope and user are made unless they exist."""
    make_scope(session, scope)
    row: dict[str, Any] = {
        "mql": "files from usertests:none",
        "scope": scope,
        "user_id": seed.ensure_user(session, user),
    } | values
    workflow = Workflow(state=state, **row)
    session.add(workflow)
    session.flush()
    return workflow


def make_stage(session: Session, workflow: Workflow | None = None, **values: Any) -> Stage:
    """Make a stage, of a workflow of its own when none is given."""
    workflow = workflow or make_workflow(session)
    row: dict[str, Any] = {
        "stage_number": 1,
        "jobscript": "#!/bin/sh\nexit 0\n",
        "jobscript_sha256": "0" * 64,
        "rss_bytes": 2_000_000_000,
        "wall_seconds": 3600,
    } | values
    stage = Stage(workflow_id=key(workflow.workflow_id), **row)
    session.add(stage)
    session.flush()
    return stage


def make_output_pattern(session: Session, stage: Stage, pattern: str = "*.root", **values: Any) -> StageOutput:
    """Make a pattern of outputs of a stage."""
    row: dict[str, Any] = {"pattern_id": 1, "pattern": pattern} | values
    output = StageOutput(stage_id=key(stage.stage_id), **row)
    session.add(output)
    session.flush()
    return output


def make_files(
    session: Session,
    stage: Stage,
    count: int = 1,
    *,
    storages: Sequence[str] = (STORAGE,),
    state: FileState = FileState.UNALLOCATED,
    **values: Any,
) -> list[File]:
    """Make inputs of a stage with a replica at each of the storages."""
    storage_ids = sorted(seed.ensure_storage(session, name) for name in storages)
    placement_id = placements.ensure(session, stage.stage_id or 0, storage_ids)
    files = [_file(stage, state, {"placement_id": placement_id} | values) for _ in range(count)]
    session.add_all(files)
    session.flush()
    session.add_all(_replica(file, storage_id) for file in files for storage_id in storage_ids)
    session.flush()
    return files


def make_job(
    session: Session,
    stage: Stage | None = None,
    *,
    site: str | None = SITE,
    state: JobState | None = None,
    **values: Any,
) -> Job:
    """Make a job: submitted when it has no stage, else started and counted among the stage's running jobs."""
    state = state or (JobState.STARTED if stage else JobState.SUBMITTED)
    row: dict[str, Any] = {
        "jobsub_id": f"{next(_numbers)}.0@pool",
        "secret": secrets.token_hex(32),
        "jobscript_secret": secrets.token_hex(32),
    } | values
    if stage:
        row = {"workflow_id": stage.workflow_id, "stage_id": stage.stage_id} | row
    if site and state != JobState.SUBMITTED:
        row = {"site_id": known_site(session, site), "hostname": "node1"} | row
    job = Job(state=state, **row)
    if stage and state in ACTIVE_JOB_STATES:
        job.charged_quota_id = _count(session, stage, job)
    session.add(job)
    session.flush()
    return job


def _count(session: Session, stage: Stage, job: Job) -> int:
    workflow = session.get_one(Workflow, stage.workflow_id)
    quota_id = session.get_one(Scope, workflow.scope).quota_id
    stage_load = session.get(StageLoad, stage.stage_id) or StageLoad(stage_id=key(stage.stage_id))
    quota_load = session.get(QuotaLoad, quota_id) or QuotaLoad(quota_id=quota_id)
    stage_load.running_jobs += 1
    stage_load.unasked_jobs += not job.asked_for_files
    quota_load.running_jobs += 1
    session.add_all([stage_load, quota_load])
    return quota_id


def _file(stage: Stage, state: FileState, values: Mapping[str, Any]) -> File:
    did = f"{SCOPE}:input-{next(_numbers):06}.root"
    row: dict[str, Any] = {
        "did": did,
        "workflow_id": stage.workflow_id,
        "stage_id": stage.stage_id,
        "spread": secrets.randbelow(2**31),
    }
    return File(state=state, **{**row, **values})


def _replica(file: File, storage_id: int) -> Replica:
    return Replica(file_id=key(file.file_id), storage_id=storage_id, wan_pfn=f"root://storage{storage_id}/{file.did}")

"""New workflows, stages and campaigns, and what must be known of a scope before one is made."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from justin.schemas.specs import SCRATCH_SCHEME, SECONDS_PER_DAY, GpuSpec, OutputSpec, StageSpec, WorkflowSpec
from justin.states import WorkflowState
from models.code import ResolvedReference, StageCode, watch
from models.database import Session
from models.people import Group, Quota, Scope
from models.places import Site, Storage
from models.workflows import (
    Campaign,
    Stage,
    StageEnvironment,
    StageOutput,
    StageRepository,
    StageSite,
    StageStorage,
    SubmissionKey,
    Workflow,
)

SECONDS_PER_HOUR = 3600
BYTES_PER_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ScopeTerms:
    """On what terms workflows may use a scope."""

    scope: str
    scope_enabled: bool
    quota: str
    quota_enabled: bool
    quota_disabled_reason: str
    max_input_files: int
    group: str | None
    """Whose members may use it; None when everybody may."""


@dataclass(frozen=True, slots=True)
class Refinding:
    """How often and until when files are looked for again."""

    interval_seconds: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Places:
    """The keys of the sites and storages that a stage names."""

    sites: Mapping[str, int]
    storages: Mapping[str, int]


def scope_terms(session: Session, scope: str) -> ScopeTerms | None:
    """Return the terms of a scope; None for an unknown one."""
    statement = (
        select(Scope, Quota, Group.name)
        .join(Quota, col(Quota.quota_id) == col(Scope.quota_id))
        .outerjoin(Group, col(Group.group_id) == col(Quota.group_id))
        .where(Scope.name == scope)
    )
    found = session.exec(statement).one_or_none()
    if found is None:
        return None
    row, quota, group = found
    return ScopeTerms(
        row.name, row.enabled, quota.name, quota.enabled, quota.disabled_reason, quota.max_input_files, group
    )


def places(session: Session, sites: Iterable[str], storages: Iterable[str]) -> Places:
    """Return the keys of those of the sites and storages that exist."""
    found_sites = session.exec(select(Site.name, Site.site_id).where(col(Site.name).in_(set(sites)))).all()
    found_storages = session.exec(
        select(Storage.name, Storage.storage_id).where(col(Storage.name).in_(set(storages)))
    ).all()
    return Places(_keys(found_sites), _keys(found_storages))


def _keys(rows: Sequence[tuple[str, int | None]]) -> dict[str, int]:
    return {name: key for name, key in rows if key is not None}


def campaign_owner(session: Session, campaign_id: int) -> int | None:
    """Return the key of the campaign's owner; None for an unknown campaign."""
    return session.exec(select(Campaign.user_id).where(Campaign.campaign_id == campaign_id)).one_or_none()


def known_submission(session: Session, user_id: int, key: str) -> SubmissionKey | None:
    """Return what the user made with that key before."""
    return session.get(SubmissionKey, (user_id, key))


def remember_submission(session: Session, user_id: int, key: str, request_sha256: str, workflow_id: int) -> bool:
    """Keep the key of a new workflow.

    False when another request with that key was first: then this one's workflow must not come to be. Waits while
    the other is not decided.
    """
    row = {"user_id": user_id, "key": key, "request_sha256": request_sha256, "workflow_id": workflow_id}
    made = session.exec(
        insert(SubmissionKey).values(**row).on_conflict_do_nothing().returning(col(SubmissionKey.workflow_id))
    )
    return made.first() is not None


def insert_campaign(session: Session, user_id: int, name: str, description: str) -> int:
    """Make a campaign and return its key."""
    campaign = Campaign(name=name, description=description, user_id=user_id)
    session.add(campaign)
    session.flush()
    assert campaign.campaign_id is not None  # noqa: S101  flush fills it
    return campaign.campaign_id


def insert_workflow(session: Session, user_id: int, spec: WorkflowSpec, refinding: Refinding | None) -> int:
    """Make a draft without stages and return its key."""
    workflow = Workflow(
        name=spec.name,
        description=spec.description,
        user_id=user_id,
        campaign_id=spec.campaign_id,
        scope=spec.scope,
        mql=spec.mql,
        priority=spec.priority,
        refind_interval_seconds=refinding.interval_seconds if refinding else None,
        refind_until=refinding.until if refinding else None,
    )
    session.add(workflow)
    session.flush()
    assert workflow.workflow_id is not None  # noqa: S101  flush fills it
    return workflow.workflow_id


def insert_stage(
    session: Session, workflow_id: int, number: int, spec: StageSpec, code: StageCode, max_distance: int, known: Places
) -> int:
    """Make a stage with its code, outputs, environment and places, and return its key."""
    stage = Stage(
        workflow_id=workflow_id,
        stage_number=number,
        jobscript=code.jobscript,
        jobscript_sha256=hashlib.sha256(code.jobscript.encode()).hexdigest(),
        jobscript_git=spec.jobscript_git,
        jobscript_commit=code.jobscript_at.commit if code.jobscript_at else "",
        image=spec.image,
        processors=spec.processors,
        rss_bytes=spec.rss_mib * BYTES_PER_MIB,
        wall_seconds=spec.wall_seconds,
        max_distance=max_distance,
        max_allocations=spec.max_allocations,
        max_files_per_job=spec.max_files_per_job,
        max_jobs=spec.max_jobs,
        classads=dict(spec.classads) or None,
    )
    _put_gpus(stage, spec.gpus)
    session.add(stage)
    session.flush()
    assert stage.stage_id is not None  # noqa: S101  flush fills it
    session.add_all(_parts(stage.stage_id, spec, known))
    session.add_all(_repository(stage.stage_id, each) for each in code.repositories)
    watch(session, workflow_id, code.references)
    session.flush()
    return stage.stage_id


def _put_gpus(stage: Stage, gpus: GpuSpec | None) -> None:
    if gpus is None:
        return
    stage.gpus = gpus.count
    stage.gpu_memory_bytes = gpus.min_memory_mib * BYTES_PER_MIB if gpus.min_memory_mib else None
    stage.gpu_min_capability = gpus.min_capability
    stage.gpu_max_capability = gpus.max_capability
    stage.gpu_min_runtime = gpus.min_runtime
    stage.gpu_model = gpus.model


_Part = StageOutput | StageEnvironment | StageSite | StageStorage


def _parts(stage_id: int, spec: StageSpec, known: Places) -> Iterable[_Part]:
    for pattern_id, output in enumerate(_in_order(spec.outputs), start=1):
        yield _output(stage_id, pattern_id, output)
    for position, (name, value) in enumerate(spec.environment.items()):
        yield StageEnvironment(stage_id=stage_id, name=name, value=value, position=position)
    for site in dict.fromkeys(spec.sites):
        yield StageSite(stage_id=stage_id, site_id=known.sites[site])
    for for_input, names in ((False, spec.output_rses), (True, spec.input_rses)):
        for position, name in enumerate(dict.fromkeys(names)):
            storage_id = known.storages[name]
            yield StageStorage(stage_id=stage_id, storage_id=storage_id, for_input=for_input, position=position)


def _repository(stage_id: int, at: ResolvedReference) -> StageRepository:
    organisation, _, repository = at.repository.partition("/")
    return StageRepository(
        stage_id=stage_id, organisation=organisation, repository=repository, tag=at.reference, commit=at.commit
    )


def _in_order(outputs: list[OutputSpec]) -> list[OutputSpec]:
    """Put those for the next stage last, where the command line has always numbered them."""
    return sorted(outputs, key=lambda output: output.for_next_stage)


def _output(stage_id: int, pattern_id: int, spec: OutputSpec) -> StageOutput:
    return StageOutput(
        stage_id=stage_id,
        pattern_id=pattern_id,
        pattern=spec.pattern,
        destination=spec.destination,
        for_next_stage=spec.for_next_stage,
        lifetime_seconds=round(spec.lifetime_days * SECONDS_PER_DAY) if spec.lifetime_days else None,
        rse_expression=spec.rse_expression,
    )


@dataclass(frozen=True, slots=True)
class Draft:
    """A workflow as those who change it see it; its row is locked."""

    workflow_id: int
    user_id: int
    state: WorkflowState
    scope: str
    mql: str
    passes_on: list[bool]
    """Of each stage, in order: whether it has outputs for the next."""


def lock_workflow(session: Session, workflow_id: int) -> Draft | None:
    """Lock a workflow to the end of the transaction; None for an unknown one."""
    row = session.exec(
        select(Workflow).where(Workflow.workflow_id == workflow_id).with_for_update(key_share=True)
    ).one_or_none()
    if row is None:
        return None
    return Draft(workflow_id, row.user_id, row.state, row.scope, row.mql, _links(session, workflow_id))


def uses_scratch(session: Session, workflow_id: int) -> bool:
    """Say whether outputs of a workflow go to https:// addresses."""
    statement = (
        select(StageOutput.output_id)
        .join(Stage, col(Stage.stage_id) == col(StageOutput.stage_id))
        .where(Stage.workflow_id == workflow_id, col(StageOutput.destination).startswith(SCRATCH_SCHEME))
    )
    return session.exec(statement).first() is not None


def begin_finding(session: Session, workflow_id: int) -> None:
    """Let the finder look for the workflow's files in its next cycle."""
    session.exec(
        update(Workflow).where(col(Workflow.workflow_id) == workflow_id).values(refind_next_at=func.clock_timestamp())
    )


def waits_for_repositories(session: Session, workflow_id: int) -> bool:
    """Say whether repositories of a workflow's stages are still to be published."""
    statement = (
        select(StageRepository.repository_id)
        .join(Stage, col(Stage.stage_id) == col(StageRepository.stage_id))
        .where(Stage.workflow_id == workflow_id, StageRepository.path == "")
    )
    return session.exec(statement.limit(1)).first() is not None


def _links(session: Session, workflow_id: int) -> list[bool]:
    statement = (
        select(func.coalesce(func.bool_or(col(StageOutput.for_next_stage)), False))
        .select_from(Stage)
        .outerjoin(StageOutput, col(StageOutput.stage_id) == col(Stage.stage_id))
        .where(Stage.workflow_id == workflow_id)
        .group_by(col(Stage.stage_id), col(Stage.stage_number))
        .order_by(col(Stage.stage_number))
    )
    return list(session.exec(statement).all())

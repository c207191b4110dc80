"""Making campaigns, workflows and stages: what can be known to be wrong is said before one exists."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine import classads, code, containers, input_queries, rights, scratch
from engine.errors import InvalidInput, NotFound, WrongState
from engine.rights import Act, Caller
from engine.runtime import Runtime
from justin.schemas import inputs
from justin.schemas.inputs import InputKind
from justin.schemas.specs import CampaignSpec, StageSpec, WorkflowSpec, check_links, end_of_day
from justin.states import EventType, WorkflowState
from models import events, moves, submissions
from models.code import StageCode
from models.database import Session
from models.moves import Reason
from models.submissions import Draft, Places, Refinding, ScopeTerms

DEFAULT_REFIND_SECONDS = 3600
FAR = 100
"""The distance that stages of a Monte Carlo workflow accept unless they say otherwise: its counters lie nowhere."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A request for a new workflow."""

    spec: WorkflowSpec
    submit: bool = False
    key: str = ""
    """What the client sends so that a repetition is known as one; empty when it does not care."""

    @property
    def sha256(self) -> str:
        """What stays the same in a repetition."""
        return hashlib.sha256(f"{self.submit} {self.spec.model_dump_json()}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Stage:
    """All that is known of a stage before it is stored."""

    spec: StageSpec
    code: StageCode
    known: Places


class _MadeByAnother(Exception):
    """A request with the same key was first; what this one made is rolled back."""


def create_workflow(runtime: Runtime, caller: Caller, submission: Submission) -> int:
    """Make a workflow, submitted at once when asked, and return its key.

    A repetition with the same key finds the workflow that the first made. Nothing is stored when anything is wrong
    or an outside service does not answer.
    """
    for stage in submission.spec.stages:
        classads.check(stage.classads, runtime.settings.pool.user_classads)
    code.check(submission.spec.stages, runtime.settings.rcds)
    with runtime.session() as session:
        made = _made_before(session, caller, submission)
        if made:
            return made
        terms = _check_terms(session, caller, submission.spec)
        known = _check_stages(session, submission.spec.stages)
        scratch.check(
            session, runtime.settings.scratch, caller.user_id, submission.spec.stages, submit=submission.submit
        )
    stages = containers.confine(submission.spec.stages, terms.quota, runtime.settings.containers)
    if submission.submit:
        _check_links([_passes_on(stage) for stage in submission.spec.stages])
    input_queries.check(runtime, submission.spec.mql, terms.max_input_files, terms.quota)
    parts = [
        _Stage(spec, fetched, known) for spec, fetched in zip(stages, code.fetch(runtime.code, stages), strict=True)
    ]
    try:
        with runtime.session() as session:
            return _store(session, caller, submission, parts)
    except _MadeByAnother:
        with runtime.session() as session:
            return _made_before(session, caller, submission)


def add_stage(runtime: Runtime, caller: Caller, workflow_id: int, spec: StageSpec) -> int:
    """Make a stage at the end of a draft and return its number."""
    classads.check(spec.classads, runtime.settings.pool.user_classads)
    code.check([spec], runtime.settings.rcds)
    with runtime.session() as session:
        draft = _draft_with_room(session, caller, workflow_id)
        terms = _check_scope(session, caller, draft.scope)
        known = _check_stages(session, [spec])
        scratch.check(session, runtime.settings.scratch, caller.user_id, [spec], submit=False)
    (confined,) = containers.confine([spec], terms.quota, runtime.settings.containers)
    (fetched,) = code.fetch(runtime.code, [confined])
    with runtime.session() as session:
        draft = _draft_with_room(session, caller, workflow_id)
        number = len(draft.passes_on) + 1
        _store_stage(session, caller, draft.mql, workflow_id, number, _Stage(confined, fetched, known))
    return number


def _draft_with_room(session: Session, caller: Caller, workflow_id: int) -> Draft:
    draft = _own_draft(session, caller, workflow_id)
    number = len(draft.passes_on) + 1
    if draft.passes_on and not draft.passes_on[-1]:
        raise InvalidInput(
            f"Stage {number - 1} has no output for the next stage, so stage {number} would wait for ever."
        )
    return draft


def submit_workflow(runtime: Runtime, caller: Caller, workflow_id: int, reason: str = "") -> None:
    """Submit a draft; one that was submitted already is left as it is."""
    with runtime.session() as session:
        draft = _own_workflow(session, caller, workflow_id)
        if draft.state in {WorkflowState.SUBMITTED, WorkflowState.RUNNING}:
            return
        terms = _check_scope(session, caller, draft.scope)
        if submissions.uses_scratch(session, workflow_id):
            scratch.require(session, runtime.settings.scratch, draft.user_id, submit=True)
    _check_links(draft.passes_on)
    input_queries.check(runtime, draft.mql, terms.max_input_files, terms.quota)
    with runtime.session() as session:
        draft = _own_draft(session, caller, workflow_id)
        _check_links(draft.passes_on)
        _submit(session, workflow_id, caller.because(reason))


def create_campaign(session: Session, caller: Caller, spec: CampaignSpec) -> int:
    """Make a campaign and return its key."""
    rights.check(caller, Act.CREATE_CAMPAIGN)
    campaign_id = submissions.insert_campaign(session, caller.user_id, spec.name, spec.description)
    events.add(session, EventType.CAMPAIGN_CREATED, caller.because(), campaign_id=campaign_id)
    return campaign_id


def _made_before(session: Session, caller: Caller, submission: Submission) -> int:
    """Return the workflow that the first request with this key made, or 0."""
    known = submissions.known_submission(session, caller.user_id, submission.key) if submission.key else None
    if known is None:
        return 0
    if known.request_sha256 != submission.sha256:
        raise WrongState(f"The Idempotency-Key {submission.key} was used for another workflow ({known.workflow_id}).")
    return known.workflow_id


def _check_terms(session: Session, caller: Caller, spec: WorkflowSpec) -> ScopeTerms:
    _refinding(spec, datetime.now(UTC))
    if spec.campaign_id is not None:
        owner_id = submissions.campaign_owner(session, spec.campaign_id)
        if owner_id is None:
            raise InvalidInput(f"There is no campaign {spec.campaign_id}.")
        rights.check(caller, Act.USE_CAMPAIGN, owner_id=owner_id)
    return _check_scope(session, caller, spec.scope)


def _check_scope(session: Session, caller: Caller, scope: str) -> ScopeTerms:
    terms = submissions.scope_terms(session, scope)
    if terms is None:
        raise InvalidInput(f"There is no scope {scope} that workflows may use.")
    if not (terms.scope_enabled and terms.quota_enabled):
        raise InvalidInput(f"The scope {scope} is disabled. {terms.quota_disabled_reason}".strip())
    rights.check(caller, Act.CREATE_WORKFLOW, group=terms.group)
    return terms


def _check_stages(session: Session, stages: list[StageSpec]) -> Places:
    """Raise `InvalidInput` for a place that is not known; return the keys of those named."""
    sites = {site for spec in stages for site in spec.sites}
    storages = {rse for spec in stages for rse in (*spec.output_rses, *spec.input_rses)}
    known = submissions.places(session, sites, storages)
    for kind, unknown in (("site", sites - known.sites.keys()), ("storage", storages - known.storages.keys())):
        if unknown:
            raise InvalidInput(f"There is no {kind} {', '.join(sorted(unknown))}.")
    return known


def _check_links(passes_on: list[bool]) -> None:
    if not passes_on:
        raise InvalidInput("A workflow needs at least one stage before it is submitted.")
    try:
        check_links(passes_on)
    except ValueError as error:
        raise InvalidInput(f"The stages do not connect: {error}.") from error


def _passes_on(stage: StageSpec) -> bool:
    return any(output.for_next_stage for output in stage.outputs)


def _refinding(spec: WorkflowSpec, now: datetime) -> Refinding | None:
    """Let what is given of the interval and the end stand for both: every hour, or until the day is over."""
    if spec.refind_until is None and spec.refind_interval_hours is None:
        return None
    hours = spec.refind_interval_hours
    until = spec.refind_until or end_of_day(f"{now:%Y%m%d}")
    if until <= now:
        raise InvalidInput(f"Refinding would be over already: {until:%Y-%m-%d %H:%M:%S} UTC is in the past.")
    interval = timedelta(hours=hours) if hours else timedelta(seconds=DEFAULT_REFIND_SECONDS)
    return Refinding(max(1, round(interval.total_seconds())), until)


def _store(session: Session, caller: Caller, submission: Submission, stages: list[_Stage]) -> int:
    spec, because = submission.spec, caller.because()
    workflow_id = submissions.insert_workflow(session, caller.user_id, spec, _refinding(spec, datetime.now(UTC)))
    if submission.key and not submissions.remember_submission(
        session, caller.user_id, submission.key, submission.sha256, workflow_id
    ):
        raise _MadeByAnother
    events.add(session, EventType.WORKFLOW_CREATED, because, workflow_id=workflow_id, campaign_id=spec.campaign_id)
    for number, stage in enumerate(stages, start=1):
        _store_stage(session, caller, spec.mql, workflow_id, number, stage)
    if submission.submit:
        _submit(session, workflow_id, because)
    return workflow_id


def _store_stage(session: Session, caller: Caller, mql: str, workflow_id: int, number: int, stage: _Stage) -> None:
    far, wanted = inputs.parse(mql).kind is InputKind.MONTE_CARLO, stage.spec.max_distance
    max_distance = wanted if wanted is not None else FAR if far else 0
    stage_id = submissions.insert_stage(session, workflow_id, number, stage.spec, stage.code, max_distance, stage.known)
    events.add(session, EventType.STAGE_CREATED, caller.because(), workflow_id=workflow_id, stage_id=stage_id)


def _submit(session: Session, workflow_id: int, because: Reason) -> None:
    """Submit, and let it run at once unless repositories are to be published before its jobs can start."""
    moves.move_workflows(session, [workflow_id], WorkflowState.SUBMITTED, because)
    if not submissions.waits_for_repositories(session, workflow_id):
        moves.move_workflows(session, [workflow_id], WorkflowState.RUNNING, because)
    submissions.begin_finding(session, workflow_id)


def _own_workflow(session: Session, caller: Caller, workflow_id: int) -> Draft:
    draft = submissions.lock_workflow(session, workflow_id)
    if draft is None:
        raise NotFound(f"There is no workflow {workflow_id}.")
    rights.check(caller, Act.CHANGE_WORKFLOW, owner_id=draft.user_id)
    return draft


def _own_draft(session: Session, caller: Caller, workflow_id: int) -> Draft:
    draft = _own_workflow(session, caller, workflow_id)
    if draft.state is not WorkflowState.DRAFT:
        raise WrongState(f"The workflow {workflow_id} is {draft.state}: only a draft can be changed or submitted.")
    return draft

"""The subcommand that says why files wait."""

from typing import Annotated

import typer

from justin.cli.command import Session, command
from justin.cli.options import FileDid, Limit, StageId, WorkflowChoice
from justin.cli.quantities import duration, number, utc
from justin.cli.screen import Screen
from justin.cli.tables import Column, Item
from justin.schemas.explanations import (
    AvoidedNodeView,
    Change,
    EndedUnstarted,
    FactoryView,
    FilterCount,
    PlaceVerdict,
    PoolVerdict,
    StageExplanation,
)

_CHANGES: list[Column[Change]] = [
    Column("What would help", lambda each: each.change),
    Column("Files freed", lambda each: f"{each.files:,}", right=True),
]
_REMOVED: list[Column[FilterCount]] = [
    Column("Condition", lambda each: each.filter),
    Column("Not met where", lambda each: each.why),
    Column("Places", lambda each: f"{each.places:,}", right=True),
    Column("Files", lambda each: f"{each.files:,}", right=True),
]
_PLACES: list[Column[PlaceVerdict]] = [
    Column("Site", lambda each: each.site),
    Column("Storage", lambda each: each.rse),
    Column("Distance", lambda each: number(each.distance), right=True),
    Column("Files", lambda each: f"{each.files:,}", right=True),
    Column("What keeps jobs from them", lambda each: each.why or "nothing"),
]
_ENDED: list[Column[EndedUnstarted]] = [
    Column("Ended without a start", lambda each: each.state),
    Column("Jobs", lambda each: f"{each.jobs:,}", right=True),
    Column("Last", lambda each: f"{duration(each.last_seconds)} ago", right=True),
    Column("Message", lambda each: each.message),
]

_AVOIDED: list[Column[AvoidedNodeView]] = [
    Column("Avoided node", lambda each: each.hostname),
    Column("Site", lambda each: each.site),
    Column("Until (UTC)", lambda each: utc(each.until)),
    Column("Jobs that failed there", lambda each: str(each.failed_jobs), right=True),
]


@command("explain")
def explain(
    session: Session,
    workflow: WorkflowChoice,
    stage_id: StageId = None,
    site: Annotated[str | None, typer.Option("--site", metavar="SITE", help="As jobs at this site see it.")] = None,
    file_did: FileDid = None,
    limit: Limit = 20,
) -> None:
    """Say why files wait, and what would help.

    For each stage: the single changes that would free files, what each condition takes away, the sites and storages
    with what keeps jobs there from the files, and what the pool makes of the stage's jobs.
    """
    found = session.client.explain(workflow.chosen(), stage_id=stage_id, site=site, did=file_did)
    if session.screen.as_json:
        session.screen.say("", found)
        return
    for warning in found.warnings:
        session.screen.note(f"Warning: {warning}")
    for stage in found.stages:
        _show(session.screen, stage, limit)
    _part(session.screen, _AVOIDED, found.avoided_nodes, limit)


def _show(screen: Screen, stage: StageExplanation, limit: int) -> None:
    screen.say(f"Stage {stage.stage_id}: {stage.answer}", stage)
    if not stage.waiting_files:
        return
    _part(screen, _CHANGES, stage.changes, limit)
    _part(screen, _REMOVED, stage.removed, limit)
    _part(screen, _PLACES, stage.places, limit)
    screen.say(f"\n{_pool(stage.pool)}", stage.pool)
    _part(screen, _ENDED, stage.pool.ended_unstarted, limit)
    if stage.pool.factory:
        screen.say(_factory(stage.pool.factory), stage.pool)
    screen.say("", stage)


def _part(screen: Screen, columns: list[Column[Item]], rows: list[Item], limit: int) -> None:
    if rows:
        screen.say("", rows[0])
        screen.table(columns, rows, limit)


def _pool(pool: PoolVerdict) -> str:
    oldest = f", the oldest for {duration(pool.oldest_queued_seconds)}" if pool.queued_jobs else ""
    return f"Jobs of the stage: {pool.queued_jobs:,} queued{oldest}; {pool.running_jobs:,} running."


def _factory(told: FactoryView) -> str:
    counts = f"{told.wanted_jobs:,} more wanted, {told.submitted_jobs:,} submitted"
    seen = f"a job is taken to process {told.files_per_job:.3g} files, {told.success_rate:.0%} of jobs to end well"
    sites = f" Jobs go to {', '.join(told.sites)}." if told.sites else ""
    return f"The job factory at {utc(told.decided_at)} UTC: {counts} ({seen}). {told.sentence}{sites}"

"""Subcommands that make workflows and change their state."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from justin.cli.command import Session, command
from justin.cli.options import Limit, Reason, WorkflowChoice, write_id
from justin.cli.quantities import utc
from justin.cli.stage_options import StageOptions
from justin.cli.tables import Column
from justin.cli.workflow_options import CampaignId, WorkflowOptions
from justin.client import Client
from justin.document import load_workflow, workflow_text
from justin.schemas.specs import StageSpec
from justin.schemas.views import WorkflowView
from justin.states import WorkflowState

QUERY_CHARACTERS = 60

COLUMNS: list[Column[WorkflowView]] = [
    Column("Workflow", lambda each: str(each.workflow_id), right=True),
    Column("State", lambda each: each.state),
    Column("User", lambda each: each.user),
    Column("Scope", lambda each: each.scope, detail=True),
    Column("Created (UTC)", lambda each: utc(each.created_at)),
    Column("Integrity", lambda each: each.integrity),
    Column("Query", lambda each: shortened(each.mql), detail=True),
    Column("Name", lambda each: each.name or shortened(each.description)),
    Column("Message", lambda each: " ".join([each.state_message, *each.warnings])),
]


def shortened(text: str) -> str:
    """Put a text on one line, and only its beginning if it is long."""
    line = " ".join(text.split())
    return line if len(line) <= QUERY_CHARACTERS else line[: QUERY_CHARACTERS - 1] + "…"


@command("create-workflow")
def create_workflow(session: Session, workflow: WorkflowOptions) -> None:
    """Make a draft of a workflow; print its id.

    Stages are added with create-stage, and submit-workflow submits it.
    """
    _create(session, workflow, [], submit=False)


@command("simple-workflow")
def simple_workflow(session: Session, workflow: WorkflowOptions, stage: StageOptions) -> None:
    """Make and submit a workflow of one stage; print its id."""
    _create(session, workflow, [stage.spec()], submit=True)


def _create(session: Session, options: WorkflowOptions, stages: list[StageSpec], *, submit: bool) -> None:
    made = session.client.create_workflow(options.spec(stages, datetime.now(UTC)), submit=submit)
    session.screen.say(str(made.workflow_id), made)
    write_id(options.workflow_id_file, made.workflow_id)


@command("submit")
def submit(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="WORKFLOW.YAML", help="The file that describes the workflow.")],
    *,
    draft: Annotated[bool, typer.Option("--draft", help="Make it, and do not submit it yet.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check the file; nothing is sent.")] = False,
    workflow_id_file: Annotated[
        Path | None, typer.Option("--workflow-id-file", metavar="FILE", help="Write the new workflow's id there too.")
    ] = None,
) -> None:
    """Make and submit a workflow from a file; print its id."""
    spec = load_workflow(file)
    if check:
        session.screen.say(f"{file} is a valid workflow of {len(spec.stages)} stages.", spec)
        return
    made = session.client.create_workflow(spec, submit=not draft)
    session.screen.say(str(made.workflow_id), made)
    write_id(workflow_id_file, made.workflow_id)


@command("submit-workflow")
def submit_workflow(session: Session, workflow: WorkflowChoice, reason: Reason = "") -> None:
    """Submit a draft: finding its files begins."""
    _change(session, Client.submit_workflow, workflow, reason)


@command("pause-workflow")
def pause_workflow(session: Session, workflow: WorkflowChoice, reason: Reason = "") -> None:
    """Start no more jobs, and give no more files."""
    _change(session, Client.pause_workflow, workflow, reason)


@command("restart-workflow")
def restart_workflow(session: Session, workflow: WorkflowChoice, reason: Reason = "") -> None:
    """Let a paused workflow go on."""
    _change(session, Client.restart_workflow, workflow, reason)


@command("finish-workflow")
def finish_workflow(session: Session, workflow: WorkflowChoice, reason: Reason = "") -> None:
    """End a workflow although files are left.

    Its queued jobs are removed and its datasets are closed.
    """
    _change(session, Client.finish_workflow, workflow, reason)


def _change(
    session: Session, act: Callable[[Client, int, str], WorkflowView], workflow: WorkflowChoice, reason: str
) -> None:
    changed = act(session.client, workflow.chosen(), reason)
    session.screen.say(f"Workflow {changed.workflow_id} is {changed.state}.", changed)


@command("show-workflows")
def show_workflows(
    session: Session,
    workflow: WorkflowChoice,
    *,
    state: Annotated[WorkflowState | None, typer.Option("--state", help="In this state only.")] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="USER", help="Of this user only.")] = None,
    scope: Annotated[str | None, typer.Option("--scope", help="In this scope only.")] = None,
    campaign_id: CampaignId = None,
    archived: Annotated[bool, typer.Option("--archived", help="Those in the archive instead.")] = False,
    limit: Limit = 100,
) -> None:
    """List workflows, newest first."""
    chosen = workflow.chosen_or_none()
    if chosen is not None:
        session.screen.table(COLUMNS, [session.client.workflow(chosen)])
        return
    listed = session.client.workflows(
        state=state, user=user, scope=scope, campaign_id=campaign_id, archived=archived, limit=limit + 1
    )
    session.screen.table(COLUMNS, listed, limit)


@command("write-workflow")
def write_workflow(
    session: Session,
    workflow: WorkflowChoice,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Write it there instead of to the standard output.")
    ] = None,
) -> None:
    """Write the file that makes the same workflow anew, also of one in the archive; to be changed and submitted."""
    spec = session.client.workflow_spec(workflow.chosen())
    text = workflow_text(spec)
    if file is None:
        session.screen.say(text.rstrip("\n"), spec)
        return
    file.write_text(text, encoding="utf-8")
    session.screen.say(f"{file} makes such a workflow: justin submit {file}", spec)

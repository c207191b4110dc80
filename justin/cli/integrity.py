"""Subcommands about whether the books of a workflow's outputs agree."""

from typing import Annotated

import typer

from justin.cli.command import Session, command
from justin.cli.options import Reason
from justin.cli.quantities import utc
from justin.cli.tables import Column
from justin.schemas.integrity import FindingView, IntegrityView

WorkflowId = Annotated[int, typer.Argument(metavar="WORKFLOW", min=1, help="The workflow's id.")]

_COLUMNS: list[Column[FindingView]] = [
    Column("Kind", lambda each: each.kind),
    Column("DID", lambda each: each.did),
    Column("Where", lambda each: each.place),
    Column("Dataset", lambda each: each.dataset, detail=True),
    Column("Expected", lambda each: each.expected),
    Column("Found", lambda each: each.found),
    Column("Repaired (UTC)", lambda each: utc(each.repaired_at)),
    Column("What to do", lambda each: each.remedy),
]


@command("check-workflow")
def check_workflow(session: Session, workflow: WorkflowId, reason: Reason = "") -> None:
    """Have what the database, the catalogues and the storages say of a workflow's outputs compared now.

    What is wrong is repaired where that is safe; show-integrity shows what was found.
    """
    asked = session.client.check_workflow(workflow, reason)
    session.screen.say(f"Workflow {workflow} is checked next; see: justin show-integrity {workflow}", asked)


@command("show-integrity")
def show_integrity(session: Session, workflow: WorkflowId) -> None:
    """Show whether the books of a workflow's outputs agree, and what the last check found and repaired."""
    view = session.client.integrity(workflow)
    if session.screen.as_json:
        session.screen.say("", view)
        return
    session.screen.say(_sentence(view), view)
    if view.findings:
        session.screen.table(_COLUMNS, view.findings)


def _sentence(view: IntegrityView) -> str:
    checked = f"checked at {utc(view.checked_at)} UTC" if view.checked_at else "not checked yet"
    parts = [f"Workflow {view.workflow_id} is {view.badge}", checked, f"{view.files} outputs"]
    if view.being_checked:
        parts.append("being checked")
    return ", ".join(parts) + (f": {view.reason}" if view.reason else ".")

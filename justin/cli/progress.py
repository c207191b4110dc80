"""Subcommands that show how far workflows are: once, and for as long as it takes."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from justin.cli.command import Session, command
from justin.cli.exits import ExitCode
from justin.cli.quantities import utc
from justin.cli.tables import Column, printable
from justin.cli.tallies import all_processed, fraction, lost, processed, tally, total
from justin.schemas.views import StageView, WorkflowView
from justin.states import TERMINAL_WORKFLOW_STATES, WorkflowState

OVERVIEW_WORKFLOWS = 50

_OVERVIEW: list[Column[WorkflowView]] = [
    Column("Workflow", lambda each: str(each.workflow_id), right=True),
    Column("State", lambda each: each.state),
    Column("Name", lambda each: each.name),
    Column("Processed by stage", lambda each: ", ".join(map(fraction, each.stages))),
    Column("Created (UTC)", lambda each: utc(each.created_at)),
    Column("Message", lambda each: each.state_message),
]

_STAGES: list[Column[StageView]] = [
    Column("Stage", lambda each: str(each.stage_id), right=True),
    Column("Processed", fraction, right=True),
    Column("Files", lambda each: tally(each.files)),
    Column("Jobs", lambda each: tally(each.jobs)),
]

WorkflowArgument = Annotated[int | None, typer.Argument(metavar="[WORKFLOW_ID]", min=1, help="One workflow.")]


@command("status")
def status(session: Session, workflow_id: WorkflowArgument = None) -> None:
    """Show how far a workflow is, or all of yours.

    Without an id, those of your workflows are listed that have not ended.
    """
    if workflow_id is not None:
        _show_one(session, session.client.workflow(workflow_id))
        return
    user = session.client.whoami().user
    listed = session.client.workflows(user=user, limit=OVERVIEW_WORKFLOWS)
    going_on = [each for each in listed if each.state not in TERMINAL_WORKFLOW_STATES]
    session.screen.table(_OVERVIEW, [session.client.workflow(each.workflow_id) for each in going_on])


def _show_one(session: Session, workflow: WorkflowView) -> None:
    if session.screen.as_json:
        session.screen.say("", workflow)
        return
    session.screen.say(f"{_headline(workflow)}\n", workflow)
    session.screen.table(_STAGES, workflow.stages)


@command("watch")
def watch(
    session: Session,
    workflow_id: Annotated[int, typer.Argument(metavar="WORKFLOW_ID", min=1, help="The workflow.")],
    *,
    timeout_seconds: Annotated[
        float | None, typer.Option("--timeout-seconds", metavar="SECONDS", min=0, help="Watch no longer than that.")
    ] = None,
    poll_seconds: Annotated[
        float, typer.Option("--poll-seconds", metavar="SECONDS", min=0.1, help="How often to look.")
    ] = 2.0,
) -> None:
    """Show the progress of a workflow until it ends.

    The exit code tells how it ended.
    """
    with display(quiet=session.screen.as_json) as show:
        workflow = session.client.wait(
            workflow_id, timeout_seconds=timeout_seconds, poll_seconds=poll_seconds, on_progress=show
        )
    if session.screen.as_json:
        session.screen.say("", workflow)
    code = _how_it_ended(workflow)
    if code is not ExitCode.OK:
        raise typer.Exit(code)


def _how_it_ended(workflow: WorkflowView) -> ExitCode:
    if workflow.state is WorkflowState.FAILED:
        return ExitCode.WORKFLOW_FAILED
    return ExitCode.OK if all_processed(workflow) else ExitCode.SOME_FILES_FAILED


@contextlib.contextmanager
def display(*, quiet: bool) -> Iterator[Callable[[WorkflowView], None]]:
    """Choose how progress is shown: not at all, as bars on a terminal, or as a line for each change."""
    if quiet:
        yield lambda _: None
    elif sys.stdout.isatty():
        with _bars() as progress:
            yield _Bars(progress).show
    else:
        yield _print_line


def _print_line(workflow: WorkflowView) -> None:
    stages = "; ".join(f"stage {each.stage_id}: {fraction(each)}" for each in workflow.stages)
    typer.echo(printable(f"{utc(datetime.now(UTC))} UTC  {_headline(workflow)}  {stages}".rstrip()))


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[more]}", markup=False),
        TimeElapsedColumn(),
        console=Console(),
    )


class _Bars:
    """A bar per stage, and a line above when the state changes."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[int, TaskID] = {}
        self._headline = ""

    def show(self, workflow: WorkflowView) -> None:
        """Bring the bars up to what the workflow is now."""
        headline = printable(_headline(workflow))
        if headline != self._headline:
            self._progress.console.print(headline, markup=False, highlight=False)
            self._headline = headline
        for stage in workflow.stages:
            task = self._tasks.get(stage.stage_id)
            if task is None:
                task = self._progress.add_task(f"Stage {stage.stage_id}", total=None, more="")
                self._tasks[stage.stage_id] = task
            self._progress.update(
                task, total=total(stage) or None, completed=processed(stage) + lost(stage), more=tally(stage.jobs)
            )


def _headline(workflow: WorkflowView) -> str:
    name = f" ({workflow.name})" if workflow.name else ""
    message = f": {workflow.state_message}" if workflow.state_message else ""
    return f"Workflow {workflow.workflow_id}{name} is {workflow.state}{message}"

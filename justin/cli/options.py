"""Options that several subcommands share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

WorkflowId = Annotated[int | None, typer.Option("--workflow-id", metavar="ID", min=1, help="The workflow.")]
WorkflowIdFile = Annotated[
    Path | None, typer.Option("--workflow-id-file", metavar="FILE", help="A file that holds the workflow's id.")
]
StageId = Annotated[
    int | None, typer.Option("--stage-id", metavar="N", min=1, help="The stage's number in its workflow, from 1.")
]
RequiredStageId = Annotated[
    int, typer.Option("--stage-id", metavar="N", min=1, help="The stage's number in its workflow, from 1.")
]
FileDid = Annotated[str | None, typer.Option("--file-did", metavar="SCOPE:NAME", help="One file.")]
JobsubId = Annotated[str | None, typer.Option("--jobsub-id", metavar="ID", help="A job: CLUSTER.PROC@SCHEDD.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the event.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Show at most this many.")]


@dataclass(frozen=True)
class WorkflowChoice:
    """Which workflow a command is about."""

    workflow_id: WorkflowId = None
    workflow_id_file: WorkflowIdFile = None

    def chosen(self) -> int:
        """Give the id; one of the two options must be there."""
        chosen = self.chosen_or_none()
        if chosen is None:
            raise typer.BadParameter("say which workflow: --workflow-id ID or --workflow-id-file FILE")
        return chosen

    def chosen_or_none(self) -> int | None:
        """Give the id, or None when neither option is there."""
        return self.workflow_id if self.workflow_id_file is None else read_id(self.workflow_id_file)


def read_id(path: Path) -> int:
    """Read the id that another command wrote into a file."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{path} does not hold an id: {error}") from error


def write_id(path: Path | None, number: int) -> None:
    """Write an id into a file, if one is wanted."""
    if path is None:
        return
    try:
        path.write_text(f"{number}\n", encoding="ascii")
    except OSError as error:
        raise typer.BadParameter(f"the id is {number}, and {path} cannot be written: {error.strerror}") from error


def name_and_value(option: str, text: str) -> tuple[str, str]:
    """Split NAME=VALUE."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise typer.BadParameter(f"write {option} as NAME=VALUE, not {text!r}")
    return name, value

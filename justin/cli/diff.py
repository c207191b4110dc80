"""The subcommand that says how two workflows differ."""

from typing import Annotated, Any

import typer

from justin.cli.command import Session, command
from justin.cli.quantities import duration, size, truth, utc
from justin.cli.screen import Screen
from justin.cli.tables import Column, cell
from justin.schemas.diff import CommitView, RepositoryDiff, StageDiff, ValueDiff, WorkflowDiff
from justin.schemas.views import RepositoryView

SHORT_COMMIT = 12
_LONG = ("_sha256", "_commit")
"""Names of what is as clear when it is cut short."""

WorkflowId = Annotated[int, typer.Argument(metavar="WORKFLOW", min=1, help="A workflow, by its id.")]


@command("diff")
def diff(
    session: Session,
    first: WorkflowId,
    second: WorkflowId,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Show what is the same, too.")] = False,
    commits: Annotated[
        int,
        typer.Option("--commits", metavar="N", min=0, max=1000, help="List so many commits of a repository each way."),
    ] = 50,
) -> None:
    """Say how two workflows differ: in code, image, resources, input and outputs, and in what became of them.

    Stages of the same number are compared. What jobs tell is of the newest of each stage where there are many. The
    exit code is 0 whether they differ or not.
    """
    found = session.client.diff(first, second, commits=commits)
    if session.screen.as_json:
        session.screen.say("", found)
        return
    session.screen.say(_in_short(found), found)
    _Showing(session.screen, found, everything=everything).show()


def _in_short(found: WorkflowDiff) -> str:
    both = f"Workflows {found.first.workflow_id} and {found.second.workflow_id}"
    if found.equal:
        return f"{both} do not differ."
    return f"{both} ask for the same." if found.same_definition else f"{both} differ."


class _Showing:
    """What is shown of a comparison: what differs, or everything."""

    def __init__(self, screen: Screen, found: WorkflowDiff, *, everything: bool) -> None:
        self._screen = screen
        self._found = found
        self._everything = everything
        self._names = [f"Workflow {each.workflow_id}" for each in (found.first, found.second)]

    def show(self) -> None:
        """Show the workflows, then stage by stage, then what is missing."""
        self._table(self._found.values)
        for stage in self._found.stages:
            if self._everything or not stage.equal:
                self._stage(stage)
        for problem in self._found.problems:
            self._screen.note(f"Warning: {problem}")
        if any(
            each and each.ended_jobs >= self._found.most_jobs for stage in self._found.stages for each in _of(stage)
        ):
            self._screen.note(f"Failures and medians are of the newest {self._found.most_jobs:,} jobs of each stage.")

    def _stage(self, stage: StageDiff) -> None:
        self._screen.say(f"\nStage {stage.stage_id}{self._alone(stage)}", stage)
        if _is_alone(stage) and not self._everything:
            return
        self._table(stage.values)
        for code in stage.repositories:
            if self._everything or not code.equal:
                self._repository(code)
        if stage.jobscript_diff:
            self._screen.say("", stage)
            self._screen.difference(stage.jobscript_diff)
        if stage.jobscript_message:
            self._screen.note(f"Warning: stage {stage.stage_id}: {stage.jobscript_message}")

    def _alone(self, stage: StageDiff) -> str:
        if not _is_alone(stage):
            return ""
        return f" is in {self._names[0 if stage.first else 1].lower()} alone."

    def _table(self, values: list[ValueDiff]) -> None:
        shown = [each for each in values if self._everything or not each.equal]
        columns: list[Column[ValueDiff]] = [
            Column("Part", lambda each: each.part),
            Column("What", lambda each: each.name),
            Column(self._names[0], lambda each: _text(each.name, each.first, each.second)),
            Column(self._names[1], lambda each: _text(each.name, each.second, each.first)),
        ]
        if self._everything:
            columns.append(Column("Equal", lambda each: truth(each.equal)))
        if shown:
            self._screen.say("", shown[0])
            self._screen.table(columns, shown)

    def _repository(self, code: RepositoryDiff) -> None:
        one, other = (_reference(each) for each in (code.first, code.second))
        self._screen.say(f"\n{code.repository}: {one} → {other}", code)
        lines = [f"-{_line(each)}" for each in code.only_in_first]
        lines += [f"+{_line(each)}" for each in code.only_in_second]
        self._screen.difference("".join(f"{line}\n" for line in lines))
        if code.more:
            self._screen.note("There are more commits: give a larger --commits.")
        if code.problem:
            self._screen.note(f"Warning: the commits of {code.repository} are not known: {code.problem}")


def _of(stage: StageDiff) -> tuple[Any, Any]:
    return stage.first, stage.second


def _is_alone(stage: StageDiff) -> bool:
    return stage.first is None or stage.second is None


def _reference(code: RepositoryView | None) -> str:
    return f"{code.tag} ({code.commit[:SHORT_COMMIT]})" if code else "none"


def _line(commit: CommitView) -> str:
    return cell(f"{commit.commit[:SHORT_COMMIT]} {utc(commit.at)} {commit.author}: {commit.subject}")


def _text(name: str, value: Any, beside: Any) -> str:
    """Write a value with the unit that its name has; an empty text is told from none."""
    if value is None:
        return ""
    if isinstance(value, str):
        return (value[:SHORT_COMMIT] if name.endswith(_LONG) else value) or ('""' if beside is None else "")
    if isinstance(value, bool):
        return truth(value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return _measured(name, value)


def _measured(name: str, value: float) -> str:
    if name.endswith("_bytes"):
        return size(int(value))
    if name.endswith("_seconds"):
        return duration(value)
    return f"{value:.1%}" if name.endswith("_efficiency") else f"{value:.15g}"

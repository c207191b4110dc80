"""The subcommand that checks metadata files before any job has written one."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from justin.cli.command import Session, command
from justin.cli.exits import ExitCode
from justin.cli.tables import Column
from justin.schemas import metadata


class CheckedFile(BaseModel):
    """What is to be said of a metadata file."""

    file: str
    good: bool
    problems: list[str]
    remarks: list[str]


_COLUMNS: list[Column[CheckedFile]] = [
    Column("File", lambda each: each.file),
    Column("Good", lambda each: "yes" if each.good else "no"),
    Column("Problems and remarks", lambda each: "; ".join([*each.problems, *each.remarks])),
]


@command("check-metadata")
def check_metadata(
    session: Session,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE.json...", exists=True, dir_okay=False, readable=True, help="Metadata files."),
    ],
) -> None:
    """Check metadata files of outputs as the server will, without asking it; exit 2 when one is wrong.

    What a MetaCat's own rules forbid beyond that is told when a job reports its outputs.
    """
    checked = [_checked(file) for file in files]
    session.screen.table(_COLUMNS, checked)
    if not all(each.good for each in checked):
        raise typer.Exit(ExitCode.USAGE)


def _checked(file: Path) -> CheckedFile:
    found = metadata.check_content(file.name, file.read_bytes())
    problems, remarks = ([_plain(each, file.name) for each in kind] for kind in (found.problems, found.remarks))
    return CheckedFile(file=str(file), good=not problems, problems=problems, remarks=remarks)


def _plain(sentence: str, name: str) -> str:
    return sentence.removeprefix(f"{name}: ")

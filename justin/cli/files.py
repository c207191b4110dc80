"""Subcommands about the files of workflows."""

from typing import Annotated

import typer

from justin.cli.command import Session, command
from justin.cli.options import FileDid, Limit, Reason, StageId, WorkflowChoice
from justin.cli.quantities import number, size, utc
from justin.cli.tables import Column
from justin.schemas.views import DatasetView, FileView, QueryPreview, ReplicaView
from justin.states import FileState

_COLUMNS: list[Column[FileView]] = [
    Column("File", lambda each: each.did),
    Column("Stage", lambda each: number(each.stage_id), right=True),
    Column("State", lambda each: each.state),
    Column("Tries", lambda each: str(each.allocations), right=True),
    Column("Size", lambda each: size(each.size_bytes), right=True, detail=True),
    Column("Job", lambda each: each.jobsub_id or each.creator_jobsub_id or ""),
    Column("URL", lambda each: each.url or "", detail=True),
]

_REPLICA_COLUMNS: list[Column[ReplicaView]] = [
    Column("File", lambda each: each.did),
    Column("RSE", lambda each: each.rse),
    Column("URL", lambda each: each.wan_pfn),
    Column("URL within its site", lambda each: each.lan_pfn or "", detail=True),
]

_DATASET_COLUMNS: list[Column[DatasetView]] = [
    Column("Dataset", lambda each: each.did),
    Column("Stage", lambda each: str(each.stage_id), right=True),
    Column("Pattern", lambda each: str(each.pattern_id), right=True),
    Column("Kind", lambda each: each.kind),
    Column("RSE", lambda each: each.rse or ""),
    Column("Files", lambda each: str(each.files), right=True),
    Column("Closed (UTC)", lambda each: utc(each.closed_at)),
]

FileDids = Annotated[
    list[str] | None, typer.Option("--file-did", metavar="SCOPE:NAME", help="These files only; repeatable.")
]


@command("show-files")
def show_files(
    session: Session,
    workflow: WorkflowChoice,
    stage_id: StageId = None,
    state: Annotated[FileState | None, typer.Option("--state", help="In this state only.")] = None,
    file_did: FileDid = None,
    limit: Limit = 1000,
) -> None:
    """List the files of a workflow: inputs and outputs."""
    files = session.client.files(workflow.chosen(), stage_id=stage_id, state=state, did=file_did, limit=limit + 1)
    session.screen.table(_COLUMNS, files, limit)


@command("show-replicas")
def show_replicas(
    session: Session,
    workflow: WorkflowChoice,
    stage_id: StageId = None,
    file_did: FileDid = None,
    rse: Annotated[str | None, typer.Option("--rse", metavar="RSE", help="On this storage only.")] = None,
    pfn: Annotated[list[str] | None, typer.Option("--pfn", metavar="URL", help="At this URL only; repeatable.")] = None,
    limit: Limit = 1000,
) -> None:
    """List where the files of a workflow are."""
    wanted = set(pfn or [])
    filtered = rse is not None or pfn
    # The server knows no filter by storage or URL, so all replicas are read when one is asked for.
    replicas = session.client.replicas(
        workflow.chosen(), stage_id=stage_id, did=file_did, limit=None if filtered else limit + 1
    )
    shown = (
        each
        for each in replicas
        if (rse is None or each.rse == rse) and (not wanted or {each.wan_pfn, each.lan_pfn} & wanted)
    )
    session.screen.table(_REPLICA_COLUMNS, shown, limit)


@command("show-datasets")
def show_datasets(session: Session, workflow: WorkflowChoice) -> None:
    """List the datasets that hold a workflow's outputs."""
    session.screen.table(_DATASET_COLUMNS, session.client.datasets(workflow.chosen()))


@command("fail-files")
def fail_files(
    session: Session,
    workflow: WorkflowChoice,
    stage_id: StageId = None,
    file_did: FileDids = None,
    reason: Reason = "",
) -> None:
    """Give up files that are not processed yet.

    All files of the workflow, those of a stage, or single ones.
    """
    moved = session.client.fail_files(workflow.chosen(), stage_id, file_did or [], reason)
    session.screen.say(f"{moved} files are failed now.", {"moved": moved})


@command("retry-files")
def retry_files(
    session: Session,
    workflow: WorkflowChoice,
    stage_id: StageId = None,
    file_did: FileDids = None,
    reason: Reason = "",
) -> None:
    """Try files again that failed or were not found.

    All files of the workflow, those of a stage, or single ones.
    """
    moved = session.client.retry_files(workflow.chosen(), stage_id, file_did or [], reason)
    session.screen.say(f"{moved} files will be tried again.", {"moved": moved})


@command("preview")
def preview(session: Session, mql: Annotated[str, typer.Argument(metavar="MQL", help="The query; quote it.")]) -> None:
    """Say how many files a query finds now.

    Also how large they are together, and which come first.
    """
    found = session.client.preview(mql)
    session.screen.say(_found(found), found)


def _found(found: QueryPreview) -> str:
    sized = f", {size(found.total_size_bytes)} in all" if found.total_size_bytes is not None else ""
    first = "".join(f"\n  {did}" for did in found.sample)
    return f"{found.count} files{sized}{', among them' if first else ''}{first}"

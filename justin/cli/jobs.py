"""Subcommands about jobs, their logs, and what happened."""

import io
import tarfile
from pathlib import Path
from typing import Annotated

import typer

from justin import following
from justin.cli.command import Session, command
from justin.cli.options import JobsubId, Limit, StageId, WorkflowChoice
from justin.cli.quantities import duration, number, size, utc
from justin.cli.tables import Column
from justin.errors import NotFound
from justin.schemas.views import EventView, JobLogView, JobView
from justin.states import EventType, JobState

_COLUMNS: list[Column[JobView]] = [
    Column("Job", lambda each: each.jobsub_id),
    Column("Workflow", lambda each: number(each.workflow_id), right=True),
    Column("Stage", lambda each: number(each.stage_id), right=True),
    Column("State", lambda each: each.state),
    Column("Site", lambda each: each.site or ""),
    Column("Submitted (UTC)", lambda each: utc(each.submitted_at), detail=True),
    Column("Started (UTC)", lambda each: utc(each.started_at), detail=True),
    Column("Finished (UTC)", lambda each: utc(each.finished_at)),
    Column("Exit", lambda each: number(each.jobscript_exit), right=True),
    Column("Real time", lambda each: duration(each.real_seconds), right=True),
    Column("Memory", lambda each: size(each.max_rss_bytes), right=True, detail=True),
    Column("GPUs", lambda each: ", ".join(gpu.name for gpu in each.gpus), detail=True),
    Column("Message", lambda each: each.state_message),
]

_EVENT_COLUMNS: list[Column[EventView]] = [
    Column("Event", lambda each: str(each.event_id), right=True),
    Column("Type", lambda each: each.event_type),
    Column("Time (UTC)", lambda each: utc(each.time)),
    Column("Workflow", lambda each: number(each.workflow_id), right=True),
    Column("Stage", lambda each: number(each.stage_id), right=True),
    Column("File", lambda each: each.did or ""),
    Column("Job", lambda each: each.jobsub_id or ""),
    Column("Site", lambda each: each.site or ""),
    Column("Entry", lambda each: each.entry or "", detail=True),
    Column("RSE", lambda each: each.rse or "", detail=True),
    Column("By", lambda each: each.actor, detail=True),
]


@command("show-jobs")
def show_jobs(
    session: Session,
    workflow: WorkflowChoice,
    stage_id: StageId = None,
    jobsub_id: JobsubId = None,
    state: Annotated[JobState | None, typer.Option("--state", help="In this state only.")] = None,
    site: Annotated[str | None, typer.Option("--site", metavar="SITE", help="At this site only.")] = None,
    limit: Limit = 100,
) -> None:
    """List jobs, newest first: all, of a workflow, or one."""
    if jobsub_id is not None:
        session.screen.table(_COLUMNS, [session.client.job(jobsub_id)])
        return
    jobs = session.client.jobs(
        workflow_id=workflow.chosen_or_none(), stage_id=stage_id, state=state, site=site, limit=limit + 1
    )
    session.screen.table(_COLUMNS, jobs, limit)


@command("events")
def events(
    session: Session,
    workflow: WorkflowChoice,
    stage_id: StageId = None,
    jobsub_id: JobsubId = None,
    file_did: Annotated[
        str | None, typer.Option("--file-did", metavar="SCOPE:NAME", help="A file of that workflow.")
    ] = None,
    event_type: Annotated[EventType | None, typer.Option("--type", help="Of this type only.")] = None,
    after: Annotated[
        int | None, typer.Option("--after", metavar="EVENT", min=0, help="Go on where a list ended with this event.")
    ] = None,
    limit: Limit = 1000,
    *,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="In the order in which it happened.")] = False,
) -> None:
    """List what happened, newest first."""
    found = session.client.events(
        workflow_id=workflow.chosen_or_none(),
        stage_id=stage_id,
        jobsub_id=jobsub_id,
        did=file_did,
        event_type=event_type,
        oldest_first=oldest_first,
        after=after,
        limit=limit + 1,
    )
    session.screen.table(_EVENT_COLUMNS, found, limit)


@command("fetch-logs")
def fetch_logs(
    session: Session,
    jobsub_id: Annotated[str, typer.Option("--jobsub-id", metavar="ID", help="The job: CLUSTER.PROC@SCHEDD.")],
    *,
    unpack: Annotated[bool, typer.Option("--unpack", help="Make a folder of files instead of a .tgz file.")] = False,
) -> None:
    """Fetch the logs of a job into the current folder."""
    logs = session.client.job_logs(jobsub_id)
    if not logs:
        raise NotFound(f"no logs of job {jobsub_id} are kept yet")
    name = jobsub_id.replace("@", "-").replace("/", "-")
    try:
        path = _unpack(logs, Path(name)) if unpack else _pack(logs, Path(f"{name}.logs.tgz"), name)
    except OSError as error:
        raise typer.BadParameter(f"the logs cannot be written: {error}") from error
    session.screen.say(f"Logs are in {path}", {"path": str(path), "logs": [each.kind for each in logs]})


@command("logs")
def logs(
    session: Session,
    jobsub_id: Annotated[str, typer.Argument(metavar="JOB", help="The job: CLUSTER.PROC@SCHEDD.")],
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="Which log: jobscript, wrapper or pool.")
    ] = following.JOBSCRIPT,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")] = False,
    poll_seconds: Annotated[
        float, typer.Option("--poll-seconds", metavar="SECONDS", min=0.1, help="How often to look.")
    ] = 5.0,
) -> None:
    """Print a log of a job: the end of it while the job runs, as its heartbeats bring it, and what is kept after."""
    if follow and not session.screen.as_json:
        for piece in session.client.follow_log(jobsub_id, kind=kind, poll_seconds=poll_seconds):
            session.screen.piece(piece)
        return
    found = [each for each in session.client.job_logs(jobsub_id) if each.kind == kind]
    if not found:
        raise NotFound(f"no {kind} log of job {jobsub_id} is kept yet")
    session.screen.text(found[0].text, found[0])


def _unpack(logs: list[JobLogView], folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for log in logs:
        (folder / _file_name(log)).write_text(log.text, encoding="utf-8")
    return folder


def _pack(logs: list[JobLogView], path: Path, folder: str) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for log in logs:
            content = log.text.encode()
            entry = tarfile.TarInfo(f"{folder}/{_file_name(log)}")
            entry.size = len(content)
            entry.mtime = int(log.saved_at.timestamp())
            archive.addfile(entry, io.BytesIO(content))
    return path


def _file_name(log: JobLogView) -> str:
    return f"{log.kind.replace('/', '-')}.log"

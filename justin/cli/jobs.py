"""Subcommands about jobs, their logs, and what happened."""

import itertools
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from justin import following
from justin.cli import log_files
from justin.cli.command import Session, command
from justin.cli.log_files import Fetched
from justin.cli.options import JobsubId, Limit, StageId, WorkflowChoice
from justin.cli.quantities import duration, number, size, utc
from justin.cli.tables import Column
from justin.errors import NotFound
from justin.schemas.views import EventView, JobView
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
    Column("Logs", lambda each: each.logs_did or "", detail=True),
    Column("GPUs", lambda each: ", ".join(gpu.name for gpu in each.gpus), detail=True),
    Column("Message", lambda each: each.state_message),
]

_EVENT_COLUMNS: list[Column[EventView]] = [
    Column("Event", lambda each: str(each.event_id), right=True),
    Column("Type", lambda each: each.event_type),
    Column("Time (UTC)", lambda each: utc(each.time)),
    Column("Workflow", lambda each: number(each.workflow_id), right=True),
    Column("Stage", lambda each: number(each.stage_id), right=True),
    Column("File DID", lambda each: each.did or ""),
    Column("Jobsub ID", lambda each: each.jobsub_id or ""),
    Column("Site/Entry", lambda each: "/".join(filter(None, (each.site, each.entry)))),
    Column("RSE", lambda each: each.rse or ""),
    Column("By", lambda each: each.actor, detail=True),
    Column("Through", lambda each: each.source or "", detail=True),
    Column("From", lambda each: _detail(each, "from"), detail=True),
    Column("To", lambda each: _detail(each, "to"), detail=True),
    Column("Message", lambda each: _detail(each, "message"), detail=True),
]

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]


def _detail(event: EventView, name: str) -> str:
    value = (event.details or {}).get(name)
    return "" if value is None else str(value)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


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
    site: Annotated[str | None, typer.Option("--site", metavar="SITE", help="At this site only.")] = None,
    entry: Annotated[str | None, typer.Option("--entry", metavar="ENTRY", help="Through this entry only.")] = None,
    rse: Annotated[str | None, typer.Option("--rse", metavar="RSE", help="With this storage only.")] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="USER", help="What this person did.")] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", metavar="TIME", formats=_TIMES, help="From then on; UTC.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", metavar="TIME", formats=_TIMES, help="Before then; UTC.")
    ] = None,
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
        site=site,
        entry=entry,
        rse=rse,
        user=user,
        since=_utc(since),
        until=_utc(until),
        oldest_first=oldest_first,
        after=after,
        limit=limit + 1,
    )
    session.screen.table(_EVENT_COLUMNS, found, limit)


@command("fetch-logs")
def fetch_logs(
    session: Session,
    workflow: WorkflowChoice,
    stage_id: StageId = None,
    jobsub_id: JobsubId = None,
    state: Annotated[JobState | None, typer.Option("--state", help="Of jobs in this state only.")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Of at most this many jobs.")] = 1000,
    *,
    unpack: Annotated[bool, typer.Option("--unpack", help="Make folders of files instead of .tgz files.")] = False,
) -> None:
    """Fetch the logs of a job into the current folder, or those of a workflow's jobs into a folder of their own.

    Of each job all is fetched that is kept: what the jobscript wrote, what the wrapper wrote and complained of, and
    what the pool says of the job.
    """
    if jobsub_id is not None:
        _fetch_one(session, jobsub_id, unpack=unpack)
        return
    workflow_id = workflow.chosen_or_none()
    if workflow_id is None:
        raise typer.BadParameter("say which jobs: --jobsub-id ID, --workflow-id ID or --workflow-id-file FILE")
    jobs = list(session.client.jobs(workflow_id=workflow_id, stage_id=stage_id, state=state, limit=limit + 1))
    place = Path(f"w{workflow_id}{'' if stage_id is None else f's{stage_id}'}-logs")
    _fetch_all(session, jobs[:limit], place, unpack=unpack)
    if len(jobs) > limit:
        session.screen.note(f"These are the newest {limit} jobs; there are more: give a larger --limit.")


def _fetch_one(session: Session, jobsub_id: str, *, unpack: bool) -> None:
    logs = session.client.job_logs(jobsub_id)
    if not logs:
        raise NotFound(f"no logs of job {jobsub_id} are kept yet")
    done = log_files.write(jobsub_id, logs, Path(), unpack=unpack)
    stored = session.client.job(jobsub_id).logs_did
    everything = f"; get all that the job left with: rucio download {stored}" if stored else ""
    told = {"path": done.path, "logs": done.logs, "logs_did": stored}
    session.screen.say(f"Logs are in {done.path}{everything}", told)


def _fetch_all(session: Session, jobs: Sequence[JobView], place: Path, *, unpack: bool) -> None:
    screen = session.screen
    numbers = itertools.count(1)

    def tell(done: Fetched) -> None:
        if not screen.as_json:
            what = ", ".join(done.logs) or "no logs are kept yet"
            screen.say(f"{next(numbers):{len(str(len(jobs)))}}/{len(jobs)}  {done.jobsub_id}  {what}", {})

    fetched = log_files.write_all(session.client, jobs, place, tell, unpack=unpack)
    had = [each for each in fetched if each.path]
    where = (
        f"Logs of {len(had)} of {len(jobs)} jobs are in {place}" if had else f"No logs of {len(jobs)} jobs are kept yet"
    )
    screen.say(where, {"path": str(place) if had else "", "jobs": [asdict(each) for each in fetched]})


@command("logs")
def logs(
    session: Session,
    jobsub_id: Annotated[str, typer.Argument(metavar="JOB", help="The job: CLUSTER.PROC@SCHEDD.")],
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="Which log: jobscript, wrapper, stderr or pool.")
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

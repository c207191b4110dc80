"""Subcommands that say how files were made, and make them again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from justin import recipes, reproduction
from justin.cli.command import Session, command
from justin.cli.exits import ExitCode
from justin.cli.progress import display
from justin.cli.quantities import duration, size, utc
from justin.cli.screen import Screen
from justin.cli.tables import Column, cell
from justin.reproduction import Options
from justin.schemas.comparison import Comparison, FileComparison
from justin.schemas.provenance import MakerView, Provenance, ProvenanceFile
from justin.schemas.recipes import Recipe
from justin.schemas.views import WorkflowView
from justin.states import TERMINAL_WORKFLOW_STATES

Dids = Annotated[list[str], typer.Argument(metavar="SCOPE:NAME...", help="Files, by DID.")]
RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE.YAML", help="What `justin recipe` wrote.")]
ChainLimit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="Follow at most this many.")]
IgnoredKeys = Annotated[
    list[str] | None, typer.Option("--ignore-key", metavar="KEY", help="A key of metadata that may differ; repeatable.")
]


@dataclass(frozen=True)
class ReproductionOptions:
    """What may be unlike the first time."""

    scope: Annotated[str, typer.Option("--scope", help="The scope of the new files.")] = "usertests"
    lifetime_days: Annotated[
        float, typer.Option("--lifetime-days", metavar="DAYS", min=0.001, help="How long the new files are kept.")
    ] = 7.0
    output_rse: Annotated[
        list[str] | None, typer.Option("--output-rse", metavar="RSE", help="A storage to try first; repeatable.")
    ] = None
    max_distance: Annotated[
        int | None, typer.Option("--max-distance", metavar="D", min=0, max=100, help="Instead of the recipe's own.")
    ] = None
    attempt: Annotated[
        int, typer.Option("--attempt", metavar="N", min=1, help="Another number makes everything anew.")
    ] = 1

    def options(self, ignored_keys: Sequence[str]) -> Options:
        """Give them as the Python API takes them."""
        return Options(
            scope=self.scope,
            lifetime_days=self.lifetime_days,
            output_rses=tuple(self.output_rse or ()),
            max_distance=self.max_distance,
            attempt=self.attempt,
            ignored_keys=tuple(ignored_keys),
        )


_MAKERS: list[Column[MakerView]] = [
    Column("Made by", lambda each: each.key),
    Column("Workflow", lambda each: str(each.workflow_id), right=True),
    Column("Stage", lambda each: str(each.stage_id), right=True),
    Column("User", lambda each: each.user),
    Column("Jobscript", lambda each: each.jobscript_git or each.jobscript_sha256[:12]),
    Column("Commit", lambda each: each.jobscript_commit[:12]),
    Column("Repositories", lambda each: ", ".join(f"{one.repository}@{one.commit[:12]}" for one in each.git_repos)),
    Column("Image", lambda each: each.jobscript_image),
    Column("Environment", lambda each: " ".join(f"{name}={value}" for name, value in each.environment.items())),
    Column("Query", lambda each: each.mql),
    Column("justIN", lambda each: each.justin_version),
    Column("Not recorded", lambda each: ", ".join(each.not_recorded)),
]
_COMPARED: list[Column[FileComparison]] = [
    Column("File", lambda each: each.did),
    Column("Made again", lambda each: each.made or "missing"),
    Column("Differences", lambda each: "; ".join(f"{one.what}: {one.before} → {one.now}" for one in each.differences)),
]


@command("provenance")
def provenance(
    session: Session,
    dids: Dids,
    *,
    depth: Annotated[
        int | None, typer.Option("--depth", metavar="N", min=0, help="Generations of parents; all without it.")
    ] = None,
    limit: ChainLimit = 1000,
) -> None:
    """Say how files were made: by which code, where, of which files, and so on back to the first.

    What is said is in the catalogues, so it does not matter how old the workflow is. --json has the jobscripts too.
    """
    found = session.client.provenance(dids, depth=depth, limit=limit)
    if session.screen.as_json:
        session.screen.say("", found)
        return
    _show_chain(session.screen, found)
    session.screen.say("", found)
    session.screen.table(_MAKERS, found.makers)
    if not found.complete:
        _tell_rest(session.screen, found)


def _show_chain(screen: Screen, found: Provenance) -> None:
    """Show each file under one that was made of it; what is there already is only named."""
    known = {file.did: file for file in found.files}
    shown: set[str] = set()
    pending = [(did, 0) for did in reversed(found.dids)]
    while pending:
        did, level = pending.pop()
        file, again = known.get(did), did in shown
        shown.add(did)
        screen.say("  " * level + _line(did, file, again=again), found)
        if file is not None and not again:
            for stranger in file.inputs_elsewhere:
                screen.say("  " * (level + 1) + stranger, found)
            pending += [(parent, level + 1) for parent in reversed(file.parents)]


def _line(did: str, file: ProvenanceFile | None, *, again: bool) -> str:
    if file is None:
        return f"{cell(did)}  (not followed)"
    if again:
        return f"{cell(did)}  (see above)"
    told = [size(file.size_bytes) if file.size_bytes is not None else "", f"adler32 {file.adler32 or 'unknown'}"]
    if file.maker is None:
        return "  ".join([cell(did), *filter(None, told), "not made by this system"])
    run = file.run
    if run is not None:
        where = f"job {run.job_id} at {run.site_name} on {run.hostname}"
        took = f" in {duration(run.real_seconds)}" if run.real_seconds is not None else ""
        told += [file.maker, where, f"{utc(run.finished_at)} UTC{took}"]
    return "  ".join(cell(each) for each in (did, *filter(None, told)))


def _tell_rest(screen: Screen, found: Provenance) -> None:
    if found.more_count:
        screen.note(f"{found.more_count} more files are not followed: give a larger --depth or --limit.")
    if found.unknown:
        screen.note(f"MetaCat no longer knows {len(found.unknown)} of the parents, such as {found.unknown[0]}.")


@command("recipe")
def recipe(session: Session, dids: Dids, limit: ChainLimit = 10_000) -> None:
    """Print all that it takes to make files again, as one document with its own checksum."""
    made = recipes.of(session.client.provenance(dids, limit=limit))
    session.screen.text(recipes.dump(made), made)


@command("reproduce")
def reproduce(
    session: Session,
    file: RecipeFile,
    given: ReproductionOptions,
    *,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the end; or only submit the first step that is not.")
    ] = True,
    timeout_seconds: Annotated[
        float | None, typer.Option("--timeout-seconds", metavar="SECONDS", min=0, help="Wait no longer for a step.")
    ] = None,
    poll_seconds: Annotated[
        float, typer.Option("--poll-seconds", metavar="SECONDS", min=0.1, help="How often to look.")
    ] = 2.0,
    ignore_key: IgnoredKeys = None,
) -> None:
    """Make the files of a recipe again, and say what differs.

    Each step of the recipe becomes a workflow. The same command given again goes on where it was interrupted, and when
    all is done only compares. The exit code is 0 when size, checksum and metadata are equal.
    """
    read, options = recipes.load(file), given.options(ignore_key or ())
    if not wait:
        _submit_next(session, read, options)
        return
    with display(quiet=session.screen.as_json) as show:

        def until_end(workflow: WorkflowView) -> WorkflowView:
            return session.client.wait(
                workflow.workflow_id, timeout_seconds=timeout_seconds, poll_seconds=poll_seconds, on_progress=show
            )

        made = reproduction.run(session.client, read, options, until_end)
    _tell(session.screen, reproduction.compare(session.client, read, made, options))


def _submit_next(session: Session, read: Recipe, options: Options) -> None:
    made: dict[str, int] = {}
    for step in read.steps:
        workflow = session.client.workflow(reproduction.start(session.client, read, step, made, options).workflow_id)
        made[step.key] = workflow.workflow_id
        reproduction.check_end(workflow)
        if workflow.state not in TERMINAL_WORKFLOW_STATES:
            session.screen.say(
                f"Workflow {workflow.workflow_id} for {step.key} is {workflow.state}; the same command goes on.",
                workflow,
            )
            return
    _tell(session.screen, reproduction.compare(session.client, read, made, options))


@command("compare-outputs")
def compare_outputs(
    session: Session,
    file: RecipeFile,
    dids: Dids,
    ignore_key: IgnoredKeys = None,
) -> None:
    """Compare files, however they were made, with those of a recipe."""
    read = recipes.load(file)
    made = reproduction.look_up(session.client, dids)
    targets = [target for step in read.steps for target in read.targets(step)]
    compared = reproduction.matched(targets, made, ignore_key or ())
    _tell(session.screen, Comparison(sha256=read.sha256, workflow_ids=[], files=compared))


def _tell(screen: Screen, compared: Comparison) -> None:
    if screen.as_json:
        screen.say("", compared)
    else:
        screen.table(_COMPARED, compared.files)
        screen.say("Equal." if compared.equal else "Not equal.", compared)
    if not compared.equal:
        raise typer.Exit(ExitCode.NOT_EQUAL)

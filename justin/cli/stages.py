"""Subcommands about the stages of workflows."""

from justin.cli.command import Session, command
from justin.cli.options import RequiredStageId, StageId, WorkflowChoice
from justin.cli.quantities import duration, size, truth
from justin.cli.stage_options import StageOptions
from justin.cli.tables import Column
from justin.cli.tallies import tally
from justin.schemas.views import OutputView, StageView

MIB = 1 << 20
SHORT_COMMIT = 12


def _code(stage: StageView) -> str:
    """Write each reference with the commit that it was."""
    references = [(stage.jobscript_git, stage.jobscript_commit)] if stage.jobscript_git else []
    references += [(f"{each.repository}:{each.tag}", each.commit) for each in stage.git_repos]
    return ", ".join(f"{reference} ({commit[:SHORT_COMMIT]})" for reference, commit in references)


_COLUMNS: list[Column[StageView]] = [
    Column("Stage", lambda each: str(each.stage_id), right=True),
    Column("Processors", lambda each: str(each.processors), right=True),
    Column("Memory", lambda each: f"{each.rss_bytes / MIB:.0f} MiB", right=True),
    Column("Wall time", lambda each: duration(each.wall_seconds), right=True),
    Column("GPUs", lambda each: str(each.gpus), right=True, detail=True),
    Column("Max distance", lambda each: str(each.max_distance), right=True, detail=True),
    Column("Image", lambda each: each.image, detail=True),
    Column("Code from git", _code, detail=True),
    Column("Files", lambda each: tally(each.files)),
    Column("Jobs", lambda each: tally(each.jobs)),
]

_OUTPUT_COLUMNS: list[Column[OutputView]] = [
    Column("Pattern", lambda each: str(each.pattern_id), right=True),
    Column("File names", lambda each: each.pattern),
    Column("For next stage", lambda each: truth(each.for_next_stage)),
    Column("Files", lambda each: str(each.files), right=True),
    Column("Size", lambda each: size(each.size_bytes), right=True),
    Column("Kept for", lambda each: duration(each.lifetime_seconds), right=True, detail=True),
    Column("Dataset or address", lambda each: each.dataset),
]


@command("create-stage")
def create_stage(session: Session, workflow: WorkflowChoice, stage: StageOptions) -> None:
    """Add a stage at the end of a draft; print its number."""
    made = session.client.add_stage(workflow.chosen(), stage.spec())
    session.screen.say(str(made.stage_id), made)


@command("show-stages")
def show_stages(session: Session, workflow: WorkflowChoice, stage_id: StageId = None) -> None:
    """List stages with the counts of their files and jobs."""
    chosen = workflow.chosen()
    client = session.client
    session.screen.table(_COLUMNS, client.stages(chosen) if stage_id is None else [client.stage(chosen, stage_id)])


@command("show-jobscript")
def show_jobscript(session: Session, workflow: WorkflowChoice, stage_id: RequiredStageId = 1) -> None:
    """Print the jobscript of a stage, byte for byte."""
    chosen = workflow.chosen()
    stage = session.client.stage(chosen, stage_id)
    jobscript = session.client.jobscript(chosen, stage_id)
    if stage.jobscript_git and not session.screen.as_json:
        session.screen.note(f"From {stage.jobscript_git}, commit {stage.jobscript_commit}.")
    told = {"jobscript_git", "jobscript_commit", "jobscript_sha256"}
    document = {"workflow_id": chosen, "stage_id": stage_id, **stage.model_dump(include=told), "jobscript": jobscript}
    session.screen.text(jobscript, document)


@command("show-stage-outputs")
def show_stage_outputs(session: Session, workflow: WorkflowChoice, stage_id: RequiredStageId = 1) -> None:
    """List the outputs of a stage, pattern by pattern."""
    session.screen.table(_OUTPUT_COLUMNS, session.client.outputs(workflow.chosen(), stage_id))

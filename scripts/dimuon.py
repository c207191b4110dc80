"""The demo's work: muon pairs through three stages, found again by their metadata, and plotted."""

import shutil
import time
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from justin import Client
from justin.document import load_workflow
from justin.schemas.specs import WorkflowSpec
from justin.schemas.views import StageView, WorkflowView
from justin.states import FileState, JobState, WorkflowState

EXAMPLES = Path(__file__).resolve().parents[1] / "docs/user/examples/dimuon"
STAGES = {1: "simulate", 2: "reconstruct", 3: "merge"}
TIMEOUT_SECONDS = 300
POLL_SECONDS = 0.5
MIB = 1 << 20


class WorkFailed(RuntimeError):
    """A workflow did not come to the end that was expected."""


def run(client: Client, directory: Path, console: Console) -> Path:
    """Run both workflows to their end, show what was done, and return the picture that came out."""
    console.print(f"Submitting {EXAMPLES / 'workflow.yaml'}")
    made, made_seconds = _finish(client, load_workflow(EXAMPLES / "workflow.yaml"), console)
    console.print("Submitting peak.yaml, which asks MetaCat for the merged files of that workflow")
    plotted, plotted_seconds = _finish(client, _peak_of(made.workflow_id), console)
    console.print(_table(client, [(made, made_seconds), (plotted, plotted_seconds)]))
    console.print(_datasets(client, [made, plotted]))
    return _picture(client, plotted, directory)


def _peak_of(workflow_id: int) -> WorkflowSpec:
    spec = load_workflow(EXAMPLES / "peak.yaml")
    return spec.model_copy(update={"mql": f"{spec.mql} and dune.workflow['workflow_id']={workflow_id}"})


def _finish(client: Client, spec: WorkflowSpec, console: Console) -> tuple[WorkflowView, float]:
    began = time.monotonic()
    workflow_id = client.create_workflow(spec, submit=True).workflow_id
    shown: set[str] = set()

    def show(workflow: WorkflowView) -> None:
        line = f"  workflow {workflow.workflow_id} {workflow.state:<10} {_progress(workflow)}"
        if line not in shown:
            console.print(f"{time.monotonic() - began:6.1f} s{line}")
        shown.add(line)

    ends = (WorkflowState.FINISHED, WorkflowState.FAILED, WorkflowState.PAUSED)
    workflow = client.wait(
        workflow_id, until=ends, timeout_seconds=TIMEOUT_SECONDS, poll_seconds=POLL_SECONDS, on_progress=show
    )
    if workflow.state != WorkflowState.FINISHED or _in_state(workflow, FileState.FAILED):
        raise WorkFailed(f"workflow {workflow_id} is {workflow.state}: {workflow.state_message or 'files failed'}")
    return workflow, time.monotonic() - began


def _progress(workflow: WorkflowView) -> str:
    return "   ".join(
        f"{_name(workflow, stage)} {stage.files.get(FileState.PROCESSED, 0)}/{sum(stage.files.values())}"
        for stage in workflow.stages
    )


def _name(workflow: WorkflowView, stage: StageView) -> str:
    return STAGES[stage.stage_id] if len(workflow.stages) == len(STAGES) else "plot"


def _in_state(workflow: WorkflowView, state: FileState) -> int:
    return sum(stage.files.get(state, 0) for stage in workflow.stages)


def _table(client: Client, finished: list[tuple[WorkflowView, float]]) -> Table:
    table = Table("workflow", "stage", "files processed", "jobs that worked", "outputs", "MiB", "seconds", title="Done")
    for workflow, seconds in finished:
        for stage in workflow.stages:
            outputs = client.outputs(workflow.workflow_id, stage.stage_id)
            table.add_row(
                str(workflow.workflow_id),
                _name(workflow, stage),
                str(stage.files.get(FileState.PROCESSED, 0)),
                str(stage.jobs.get(JobState.FINISHED, 0)),
                str(sum(output.files for output in outputs)),
                f"{sum(output.size_bytes for output in outputs) / MIB:.1f}",
                f"{seconds:.0f}" if stage.stage_id == 1 else "",
            )
    return table


def _datasets(client: Client, workflows: list[WorkflowView]) -> Table:
    table = Table("dataset in Rucio and MetaCat", "files", "closed", title="Where the outputs are")
    for workflow in workflows:
        for dataset in client.datasets(workflow.workflow_id):
            table.add_row(dataset.did, str(dataset.files), "yes" if dataset.closed_at else "no")
    return table


def _picture(client: Client, workflow: WorkflowView, directory: Path) -> Path:
    for replica in client.replicas(workflow.workflow_id):
        if replica.did.endswith(".png"):
            target = directory / "dimuon-mass.png"
            shutil.copyfile(urlsplit(replica.wan_pfn).path, target)
            return target
    raise WorkFailed(f"workflow {workflow.workflow_id} finished without a picture")

"""What the server in memory shows of its workflows."""

import hashlib
from collections import Counter

import justin
from justin import outcomes
from justin.diff import Told
from justin.schemas import inputs
from justin.schemas.diff import StageOutcome
from justin.schemas.inputs import InputKind
from justin.schemas.specs import SECONDS_PER_DAY, StageSpec, WorkflowSpec
from justin.schemas.views import OutputView, RepositoryView, StageView, WorkflowView
from justin.testing.world import FINAL_OUTPUT_BYTES, MIB, Workflow, World


def workflow_view(world: World, workflow: Workflow) -> WorkflowView:
    """Show a workflow with its stages and counts."""
    stages = [stage_view(world, workflow, number) for number in range(1, len(workflow.stages) + 1)]
    return workflow.view.model_copy(update={"stages": stages})


def workflow_spec(workflow: Workflow) -> WorkflowSpec:
    """Give what would make the same workflow anew."""
    view = workflow.view
    said = {name: getattr(view, name) for name in WorkflowSpec.model_fields if hasattr(view, name)}
    return WorkflowSpec.model_validate({**said, "stages": workflow.stages})


def told(world: World, workflow: Workflow) -> Told:
    """Give what a workflow is compared by; nobody is asked for the commits between its code and another's."""
    view, spec = workflow_view(world, workflow), workflow_spec(workflow)
    stages = [stage.model_copy(update={"jobscript": jobscript_text(stage)}) for stage in spec.stages]
    return Told(
        view,
        spec.model_copy(update={"stages": stages}),
        [_outcome(world, stage) for stage in view.stages],
        justin.__version__,
    )


def _outcome(world: World, stage: StageView) -> StageOutcome:
    own = [job for job in world.jobs if (job.workflow_id, job.stage_id) == (stage.workflow_id, stage.stage_id)]
    return outcomes.of_jobs(stage.stage_id, own, processors=stage.processors)


def stage_view(world: World, workflow: Workflow, stage_id: int) -> StageView:
    """Show a stage with its counts."""
    stage = workflow.stage(stage_id)
    workflow_id = workflow.view.workflow_id
    monte_carlo = inputs.parse(workflow.view.mql).kind is InputKind.MONTE_CARLO
    return StageView(
        workflow_id=workflow_id,
        stage_id=stage_id,
        jobscript_sha256=hashlib.sha256(jobscript_text(stage).encode()).hexdigest(),
        jobscript_git=stage.jobscript_git,
        jobscript_commit=_commit(stage.jobscript_git),
        git_repos=[
            RepositoryView(repository=each.name, tag=each.tag, commit=_commit(f"{each.name}:{each.tag}"))
            for each in stage.git_repos
        ],
        image=stage.image,
        processors=stage.processors,
        rss_bytes=stage.rss_mib * MIB,
        wall_seconds=stage.wall_seconds,
        max_distance=(100 if monte_carlo else 0) if stage.max_distance is None else stage.max_distance,
        gpus=stage.gpus.count if stage.gpus else 0,
        max_allocations=stage.max_allocations,
        max_files_per_job=stage.max_files_per_job,
        environment=stage.environment,
        outputs=output_views(workflow, stage_id),
        files=Counter(each.state for each in workflow.files if each.stage_id == stage_id),
        jobs=Counter(each.state for each in world.jobs if (each.workflow_id, each.stage_id) == (workflow_id, stage_id)),
    )


def jobscript_text(stage: StageSpec) -> str:
    """Give a stage's jobscript; no repository is asked for one in git, and a script that says which stands for it."""
    return stage.jobscript or f"#!/bin/sh\n# {stage.jobscript_git}\n"


def _commit(reference: str) -> str:
    """Make up a commit, the same for the same reference."""
    return hashlib.sha256(reference.encode()).hexdigest()[:40] if reference else ""


def output_views(workflow: Workflow, stage_id: int) -> list[OutputView]:
    """Show a stage's kinds of outputs with their counts."""
    return [
        _output(workflow, stage_id, pattern_id) for pattern_id in range(1, len(workflow.stage(stage_id).outputs) + 1)
    ]


def _output(workflow: Workflow, stage_id: int, pattern_id: int) -> OutputView:
    view, output = workflow.view, workflow.stage(stage_id).outputs[pattern_id - 1]
    prefix = f"{view.scope}:w{view.workflow_id}s{stage_id}p{pattern_id}-"
    files = sum(each.did.startswith(prefix) for each in workflow.files)
    own = f"w{view.workflow_id}s{stage_id}p{pattern_id}"
    dataset = f"{view.scope}:{output.destination}-{own}" if output.destination else f"{view.scope}:{own}"
    return OutputView(
        pattern_id=pattern_id,
        pattern=output.pattern,
        destination=output.destination,
        for_next_stage=output.for_next_stage,
        lifetime_seconds=round(output.lifetime_days * SECONDS_PER_DAY) if output.lifetime_days else None,
        rse_expression=output.rse_expression,
        dataset=output.destination if output.to_scratch else dataset,
        files=files,
        size_bytes=files * FINAL_OUTPUT_BYTES,
    )

"""Making the files of a recipe again: a workflow per step, each on what the one before it made, and then comparing."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any, Final

from justin.client import Client
from justin.errors import NotReproducible
from justin.schemas.comparison import Comparison, Difference, FileComparison
from justin.schemas.provenance import ProvenanceFile
from justin.schemas.recipes import Recipe, RecipeGpus, RecipeOutput, RecipeStep
from justin.schemas.specs import GpuSpec, OutputSpec, RepositorySpec, StageSpec, WorkflowSpec
from justin.schemas.views import WorkflowView
from justin.states import TERMINAL_WORKFLOW_STATES, FileState, WorkflowState

BYTES_PER_MIB: Final = 1 << 20
MOST_QUERY_CHARACTERS: Final = 65_536
FILES_PER_QUESTION: Final = 50


@dataclass(frozen=True, slots=True)
class Options:
    """What may be unlike the first time."""

    scope: str = "usertests"
    lifetime_days: float = 7.0
    output_rses: tuple[str, ...] = ()
    max_distance: int | None = None
    attempt: int = 1
    """Another number begins anew; the same goes on with what was begun."""
    ignored_keys: tuple[str, ...] = ()
    """Of metadata that need not be equal."""


def start(client: Client, recipe: Recipe, step: RecipeStep, made: Mapping[str, int], options: Options) -> WorkflowView:
    """Make and submit the workflow of a step, or find the one that was made for it before.

    `made` has the workflows of the steps before it, by their keys. Raises NotReproducible for one that cannot be run.
    """
    spec = workflow(recipe, step, _query(client, step, made), options)
    identity = f"{recipe.sha256} {step.key} {replace(options, ignored_keys=())}"
    key = f"reproduce-{hashlib.sha256(identity.encode()).hexdigest()[:40]}"
    return client.create_workflow(spec, submit=True, idempotency_key=key)


def run(
    client: Client, recipe: Recipe, options: Options, wait: Callable[[WorkflowView], WorkflowView]
) -> dict[str, int]:
    """Run all steps in their order and return their workflows by step; `wait` waits for the end of one.

    Raises NotReproducible when one of them did not process all its inputs.
    """
    made: dict[str, int] = {}
    for step in recipe.steps:
        ended = wait(start(client, recipe, step, made, options))
        made[step.key] = ended.workflow_id
        check_end(ended)
    return made


def check_end(workflow: WorkflowView) -> None:
    """Raise NotReproducible when a workflow ended otherwise than with all its inputs processed."""
    lost = sum(stage.files.get(state, 0) for stage in workflow.stages for state in _LOST)
    if workflow.state in TERMINAL_WORKFLOW_STATES and (workflow.state is not WorkflowState.FINISHED or lost):
        raise NotReproducible(
            f"workflow {workflow.workflow_id} ({workflow.name}) is {workflow.state} with {lost} inputs not processed:"
            f" {workflow.state_message or 'see justin show-jobs and justin logs'}"
        )


_LOST: Final = (FileState.FAILED, FileState.NOTFOUND)


def compare(client: Client, recipe: Recipe, made: Mapping[str, int], options: Options) -> Comparison:
    """Compare the files of the recipe with those that its steps' workflows made."""
    files: list[FileComparison] = []
    for step in recipe.steps:
        targets = recipe.targets(step)
        if targets:
            files += matched(targets, made_files(client, made[step.key]), options.ignored_keys)
    return Comparison(sha256=recipe.sha256, workflow_ids=list(made.values()), files=files)


def made_files(client: Client, workflow_id: int) -> list[ProvenanceFile]:
    """Read what the catalogues say of the outputs of a workflow."""
    return look_up(client, [file.did for file in client.files(workflow_id, state=FileState.OUTPUT)])


def look_up(client: Client, dids: Sequence[str]) -> list[ProvenanceFile]:
    """Read what the catalogues say of some files, without their parents."""
    parts = [dids[first : first + FILES_PER_QUESTION] for first in range(0, len(dids), FILES_PER_QUESTION)]
    return [file for part in parts for file in client.provenance(part, depth=0).files]


def matched(
    targets: Sequence[RecipeOutput], made: Sequence[ProvenanceFile], ignored_keys: Sequence[str] = ()
) -> list[FileComparison]:
    """Compare each target with the new file that is most like it: names differ where jobs write their ids into them."""
    compared: list[FileComparison] = []
    for pattern, of_pattern in groupby(sorted(targets, key=_pattern_first), key=lambda target: target.pattern):
        left = [file for file in made if fnmatchcase(_name(file.did), pattern)]
        pending = list(of_pattern)
        for alike in (_same_all, _same_bytes, _same_name, _anything):
            pending = _pair(pending, left, alike, ignored_keys, compared)
        compared += [
            FileComparison(
                did=target.did, made=None, differences=[Difference(what="file", before="made", now="missing")]
            )
            for target in pending
        ]
    return sorted(compared, key=lambda each: each.did)


_Alike = Callable[[RecipeOutput, ProvenanceFile, Sequence[str]], bool]


def _pair(
    pending: Sequence[RecipeOutput],
    left: list[ProvenanceFile],
    alike: _Alike,
    ignored_keys: Sequence[str],
    compared: list[FileComparison],
) -> list[RecipeOutput]:
    rest = []
    for target in pending:
        found = next((file for file in left if alike(target, file, ignored_keys)), None)
        if found is None:
            rest.append(target)
        else:
            left.remove(found)
            differences = _differences(target, found, ignored_keys)
            compared.append(FileComparison(did=target.did, made=found.did, differences=differences))
    return rest


def _same_all(target: RecipeOutput, file: ProvenanceFile, ignored_keys: Sequence[str]) -> bool:
    return not _differences(target, file, ignored_keys)


def _same_bytes(target: RecipeOutput, file: ProvenanceFile, _ignored_keys: Sequence[str]) -> bool:
    return (target.size_bytes, target.adler32) == (file.size_bytes, file.adler32)


def _same_name(target: RecipeOutput, file: ProvenanceFile, _ignored_keys: Sequence[str]) -> bool:
    return _name(target.did) == _name(file.did)


def _anything(_target: RecipeOutput, _file: ProvenanceFile, _ignored_keys: Sequence[str]) -> bool:
    return True


def _differences(target: RecipeOutput, file: ProvenanceFile, ignored_keys: Sequence[str]) -> list[Difference]:
    pairs: list[tuple[str, Any, Any]] = [
        ("size_bytes", target.size_bytes, file.size_bytes),
        ("adler32", target.adler32, file.adler32),
    ]
    keys = sorted({*target.metadata, *file.metadata} - set(ignored_keys))
    pairs += [(key, target.metadata.get(key), file.metadata.get(key)) for key in keys]
    return [Difference(what=what, before=before, now=now) for what, before, now in pairs if before != now]


def _pattern_first(target: RecipeOutput) -> tuple[str, str]:
    return target.pattern, target.did


def _name(did: str) -> str:
    return did.partition(":")[2]


def workflow(recipe: Recipe, step: RecipeStep, mql: str, options: Options) -> WorkflowSpec:
    """Describe the workflow that runs a step again on what a query finds."""
    return WorkflowSpec(
        name=f"{step.key} again",
        description=f"Makes the outputs of {step.key} again, by the recipe {recipe.sha256[:16]}",
        scope=options.scope,
        mql=mql,
        stages=[_stage(step, options)],
    )


def _stage(step: RecipeStep, options: Options) -> StageSpec:
    most_inputs = max(output.input_count for output in step.outputs)
    gathers = most_inputs > 1
    # A job that puts files together is to find all of them: as many jobs at once as there were.
    jobs = len({output.job_id for output in step.outputs}) if gathers else None
    distance = step.max_distance if options.max_distance is None else options.max_distance
    return StageSpec(
        jobscript=step.jobscript,
        git_repos=[RepositorySpec.parse(f"{each.repository}:{each.commit or each.tag}") for each in step.git_repos],
        image=step.image,
        processors=step.processors,
        rss_mib=math.ceil(step.rss_bytes / BYTES_PER_MIB),
        wall_seconds=step.wall_seconds,
        max_distance=distance,
        gpus=_gpus(step.gpus),
        environment=step.environment,
        classads=step.classads,
        max_files_per_job=min(max(step.max_files_per_job or 20, most_inputs), 1000),
        max_jobs=jobs,
        output_rses=list(options.output_rses),
        outputs=[OutputSpec(pattern=each.pattern, lifetime_days=options.lifetime_days) for each in step.patterns],
    )


def _gpus(needs: RecipeGpus | None) -> GpuSpec | None:
    if needs is None:
        return None
    memory = math.ceil(needs.memory_bytes / BYTES_PER_MIB) if needs.memory_bytes else None
    return GpuSpec.model_validate(
        {
            "count": needs.count,
            "min_memory_mib": memory,
            "min_capability": needs.min_capability,
            "max_capability": needs.max_capability,
            "min_runtime": needs.min_runtime,
            "model": needs.model,
        }
    )


def _query(client: Client, step: RecipeStep, made: Mapping[str, int]) -> str:
    """Name exactly the inputs of a step."""
    parts = []
    if step.sources:
        datasets = [_dataset(client, made[source.step], source.pattern) for source in step.sources]
        parts.append(f"files from {', '.join(sorted(datasets))}")
    if step.inputs:
        parts.append(f"files {', '.join(each.did for each in step.inputs)}")
    if step.counters:
        parts.append(f"monte-carlo counters {ranges(step.counters)}")
    if len(parts) > 1 and step.counters:
        raise NotReproducible(f"{step.key} takes counters and files: no query finds both")
    query = parts[0] if len(parts) == 1 else f"union({', '.join(parts)})"
    if len(query) > MOST_QUERY_CHARACTERS:
        raise NotReproducible(f"{step.key} has more inputs than a query can name in {MOST_QUERY_CHARACTERS} characters")
    return query


def _dataset(client: Client, workflow_id: int, pattern: str) -> str:
    for output in client.outputs(workflow_id, 1):
        if output.pattern == pattern and output.dataset:
            return output.dataset
    raise NotReproducible(f"workflow {workflow_id} has no outputs {pattern}")


def ranges(counters: Sequence[int]) -> str:
    """Write counters, which are in order, as `1-3,7`."""
    runs: list[list[int]] = []
    for counter in counters:
        if runs and counter == runs[-1][1] + 1:
            runs[-1][1] = counter
        else:
            runs.append([counter, counter])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)

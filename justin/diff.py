"""Two workflows side by side, out of what the server knows of each; nobody is asked for anything."""

import difflib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from justin.schemas.diff import Part, RepositoryDiff, StageDiff, StageOutcome, ValueDiff, WorkflowDiff
from justin.schemas.specs import StageSpec, WorkflowSpec
from justin.schemas.views import StageView, WorkflowView

MOST_LINES: Final = 5000
"""Of two jobscripts together: to compare more takes too long."""

Values = dict[tuple[Part, str], Any]

_COUNTED: Final = frozenset({Part.FILES, Part.JOBS, Part.FAILURES})
_ORDER: Final = list(Part)
_APART: Final = {"jobscript", "jobscript_git", "git_repos", "gpus", "environment", "classads", "outputs"}
_PLACES: Final = ("sites", "input_rses", "output_rses", "max_distance")


@dataclass(frozen=True, slots=True)
class Told:
    """All that there is to compare of a workflow."""

    workflow: WorkflowView
    """With its stages."""
    spec: WorkflowSpec
    """With the texts of the jobscripts."""
    outcomes: Sequence[StageOutcome]
    justin_version: str = ""
    """Of the server that made its outputs known; empty while that is not known."""


@dataclass(frozen=True, slots=True)
class _Stage:
    view: StageView
    spec: StageSpec
    outcome: StageOutcome


def compare(first: Told, second: Told, most_jobs: int) -> WorkflowDiff:
    """Compare two workflows, stage by stage of the same number; which commits lie between is not told yet."""
    pairs = zip_longest(_stages(first), _stages(second))
    return WorkflowDiff(
        first=first.workflow.model_copy(update={"stages": []}),
        second=second.workflow.model_copy(update={"stages": []}),
        most_jobs=most_jobs,
        values=_beside(_of_workflow(first), _of_workflow(second)),
        stages=[_compare(first, second, number, *pair) for number, pair in enumerate(pairs, start=1)],
    )


def _stages(told: Told) -> list[_Stage]:
    outcomes = {each.stage_id: each for each in told.outcomes}
    return [
        _Stage(view, spec, outcomes.get(view.stage_id) or StageOutcome(stage_id=view.stage_id))
        for view, spec in zip(told.workflow.stages, told.spec.stages, strict=True)
    ]


def _compare(first: Told, second: Told, number: int, one: _Stage | None, other: _Stage | None) -> StageDiff:
    names = (
        f"workflow {first.workflow.workflow_id}, stage {number}",
        f"workflow {second.workflow.workflow_id}, stage {number}",
    )
    diff, message = jobscript_diff(one.spec.jobscript if one else "", other.spec.jobscript if other else "", names)
    return StageDiff(
        stage_id=number,
        first=one.outcome if one else None,
        second=other.outcome if other else None,
        values=_beside(_of_stage(one) if one else None, _of_stage(other) if other else None),
        jobscript_diff=diff,
        jobscript_message=message,
        repositories=_repositories(one, other),
    )


def jobscript_diff(first: str, second: str, names: tuple[str, str]) -> tuple[str, str]:
    """Return the difference of two texts as `diff -u` writes it, or nothing and why."""
    if first == second:
        return "", ""
    # Lines end as they do for a shell.
    old, new = (list(io.StringIO(text, newline="\n")) for text in (first, second))
    if len(old) + len(new) > MOST_LINES:
        return "", f"The jobscripts differ, and are too long to be compared: more than {MOST_LINES} lines together."
    told = difflib.unified_diff(old, new, *names)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in told), ""


def _repositories(one: _Stage | None, other: _Stage | None) -> list[RepositoryDiff]:
    sides = [{each.repository: each for each in stage.view.git_repos} if stage else {} for stage in (one, other)]
    return [
        RepositoryDiff(repository=name, first=sides[0].get(name), second=sides[1].get(name))
        for name in dict.fromkeys([*sides[0], *sides[1]])
    ]


def _beside(first: Values | None, second: Values | None) -> list[ValueDiff]:
    """Put what has the same name side by side; where nothing was counted, that is none."""
    names = sorted(dict.fromkeys([*(first or {}), *(second or {})]), key=lambda name: _ORDER.index(name[0]))
    return [
        ValueDiff(part=part, name=name, first=_value(first, part, name), second=_value(second, part, name))
        for part, name in names
    ]


def _value(values: Values | None, part: Part, name: str) -> Any:
    return None if values is None else values.get((part, name), 0 if part in _COUNTED else None)


def _of_workflow(told: Told) -> Values:
    shown = told.workflow.model_dump(mode="json") | {"justin_version": told.justin_version}
    named = {
        Part.WORKFLOW: (
            "name",
            "description",
            "user",
            "campaign_id",
            "priority",
            "state",
            "state_message",
            "integrity",
        ),
        Part.INPUT: ("mql", "refind_until"),
        Part.OUTPUTS: ("scope",),
        Part.SOFTWARE: ("justin_version",),
    }
    return {(part, name): shown[name] for part, names in named.items() for name in names}


def _of_stage(stage: _Stage) -> Values:
    view, outcome = stage.view, stage.outcome
    return {
        (Part.JOBSCRIPT, "jobscript_sha256"): view.jobscript_sha256,
        (Part.JOBSCRIPT, "jobscript_git"): view.jobscript_git,
        (Part.JOBSCRIPT, "jobscript_commit"): view.jobscript_commit,
        (Part.IMAGE, "image"): view.image,
        (Part.IMAGE, "image_digest"): outcome.image_digest,
        **dict(_asked_for(stage.spec)),
        (Part.SOFTWARE, "wrapper_versions"): outcome.wrapper_versions,
        **_under(Part.FILES, _by_name(view.files)),
        **_under(Part.JOBS, _by_name(view.jobs)),
        **_under(Part.FAILURES, outcome.failures),
        **_under(Part.USAGE, outcome.model_dump(include=_MEDIANS)),
        **dict(_made(view)),
    }


_MEDIANS: Final = {"median_real_seconds", "median_cpu_efficiency", "median_max_rss_bytes"}


def _asked_for(spec: StageSpec) -> Iterator[tuple[tuple[Part, str], Any]]:
    """Yield what the workflow file says of a stage, so that nothing that is ever added to it is left out."""
    said = spec.model_dump(mode="json")
    plain = {name: value for name, value in said.items() if name not in {"image", *_APART, *_PLACES}}
    yield from _under(Part.RESOURCES, plain).items()
    for part in (Part.GPUS, Part.ENVIRONMENT, Part.CLASSADS):
        yield from _under(part, said[part] or {}).items()
    for number, output in enumerate(said["outputs"], start=1):
        yield from _under(Part.OUTPUTS, {f"p{number} {name}": value for name, value in output.items()}).items()
    yield from _under(Part.PLACES, {name: said[name] for name in _PLACES}).items()


def _made(view: StageView) -> Iterator[tuple[tuple[Part, str], Any]]:
    for output in view.outputs:
        yield (Part.MADE, f"p{output.pattern_id} files"), output.files
        yield (Part.MADE, f"p{output.pattern_id} size_bytes"), output.size_bytes


def _by_name(counts: Mapping[Any, int]) -> dict[str, int]:
    """Order counts, which come in whichever order the database found them."""
    return dict(sorted((str(name), count) for name, count in counts.items()))


def _under(part: Part, values: Mapping[Any, Any]) -> Values:
    return {(part, str(name)): value for name, value in values.items()}

"""The options that describe a stage, and the stage they make."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from justin.cli.options import name_and_value
from justin.document import read_jobscript
from justin.errors import BadDocument
from justin.schemas import sentences
from justin.schemas.sentences import FieldError, Location
from justin.schemas.specs import RepositorySpec, StageSpec

_OPTIONS: dict[Location, str] = {
    ("git_repos",): "--git-repo",
    ("environment",): "--env",
    ("classads",): "--classad",
    ("sites",): "--site",
    ("output_rses",): "--output-rse",
    ("outputs",): "--output-pattern",
    ("outputs", "lifetime_days"): "--lifetime-days",
    ("outputs", "rse_expression"): "--output-rse-expression",
    ("outputs", "for_next_stage"): "--output-pattern-next-stage",
    ("gpus", "count"): "--gpus",
    ("gpus", "min_memory_mib"): "--gpus-min-mib",
    ("gpus", "min_capability"): "--gpus-min-capability",
    ("gpus", "max_capability"): "--gpus-max-capability",
    ("gpus", "min_runtime"): "--gpus-min-runtime",
}
"""The option that a field of the spec comes from, where the name does not say it."""


def _option(name: str, help_text: str, metavar: str = "") -> Any:
    return typer.Option(name, metavar=metavar or None, help=help_text)


@dataclass(frozen=True)
class StageOptions:
    """What a stage runs, and what its jobs need."""

    jobscript: Annotated[Path | None, _option("--jobscript", "The file with the jobscript.", "FILE")] = None
    jobscript_git: Annotated[
        str, _option("--jobscript-git", "The jobscript in git, at a tag, branch or commit.", "ORG/REPO/PATH:TAG")
    ] = ""
    git_repo: Annotated[
        list[str] | None,
        _option("--git-repo", "A repository that jobs find in their workspace; repeatable.", "ORG/REPO:TAG"),
    ] = None
    image: Annotated[str, _option("--image", "Apptainer image that the jobscript runs in.", "IMAGE")] = ""
    env: Annotated[list[str] | None, _option("--env", "A variable for the jobscript; repeatable.", "NAME=VALUE")] = None
    classad: Annotated[
        list[str] | None, _option("--classad", "An attribute for the job's ad; repeatable.", "NAME=VALUE")
    ] = None
    processors: Annotated[int, _option("--processors", "Processors for each job.")] = 1
    rss_mib: Annotated[
        int, typer.Option("--rss-mib", "--rss-mb", metavar="MIB", help="Memory for each job, in MiB.")
    ] = 2000
    wall_seconds: Annotated[int, _option("--wall-seconds", "Time limit of each job, in seconds.", "SECONDS")] = 80_000
    max_distance: Annotated[
        int | None,
        _option("--max-distance", "Farthest storage to read from, 0 to 100. [default: 0; Monte Carlo: 100]"),
    ] = None
    site: Annotated[list[str] | None, _option("--site", "Run at this site only; repeatable.", "SITE")] = None
    gpus: Annotated[int | None, _option("--gpus", "GPUs for each job.")] = None
    gpus_min_mib: Annotated[int | None, _option("--gpus-min-mib", "Least memory of a GPU, in MiB.", "MIB")] = None
    gpus_min_capability: Annotated[
        str | None, _option("--gpus-min-capability", "Least compute capability of a GPU.", "X.Y")
    ] = None
    gpus_max_capability: Annotated[
        str | None, _option("--gpus-max-capability", "Greatest compute capability of a GPU.", "X.Y")
    ] = None
    gpus_min_runtime: Annotated[
        str | None, _option("--gpus-min-runtime", "Least CUDA runtime that the driver serves.", "X.Y")
    ] = None
    output_pattern: Annotated[
        list[str] | None,
        _option(
            "--output-pattern", "Keep outputs of such names, in that dataset; repeatable.", "PATTERN[:DESTINATION]"
        ),
    ] = None
    output_pattern_next_stage: Annotated[
        list[str] | None,
        _option(
            "--output-pattern-next-stage",
            "Keep outputs of such names and give them to the next stage; repeatable.",
            "PATTERN[:DESTINATION]",
        ),
    ] = None
    output_rse: Annotated[list[str] | None, _option("--output-rse", "Try this storage first; repeatable.", "RSE")] = (
        None
    )
    output_rse_expression: Annotated[
        str, _option("--output-rse-expression", "Rucio also makes copies there.", "EXPRESSION")
    ] = ""
    lifetime_days: Annotated[
        float | None, _option("--lifetime-days", "How long Rucio keeps the outputs, in days.", "DAYS")
    ] = None

    def spec(self) -> StageSpec:
        """Make the stage; raises BadDocument that names the options."""
        try:
            return StageSpec.model_validate(self._document())
        except ValidationError as error:
            raise BadDocument([by_option(each) for each in sentences.of(error)]) from error

    def _document(self) -> dict[str, Any]:
        simple = ("jobscript_git", "image", "processors", "rss_mib", "wall_seconds", "max_distance")
        return {
            **{name: getattr(self, name) for name in simple},
            "jobscript": read_jobscript(self.jobscript) if self.jobscript else "",
            "git_repos": [_repository(text) for text in self.git_repo or []],
            "environment": dict(name_and_value("--env", text) for text in self.env or []),
            "classads": dict(name_and_value("--classad", text) for text in self.classad or []),
            "sites": self.site or [],
            "gpus": self._gpus(),
            "output_rses": self.output_rse or [],
            "outputs": [
                *self._outputs(self.output_pattern or [], for_next_stage=False),
                *self._outputs(self.output_pattern_next_stage or [], for_next_stage=True),
            ],
        }

    def _gpus(self) -> dict[str, Any] | None:
        demands = {
            "count": self.gpus,
            "min_memory_mib": self.gpus_min_mib,
            "min_capability": self.gpus_min_capability,
            "max_capability": self.gpus_max_capability,
            "min_runtime": self.gpus_min_runtime,
        }
        given = {name: value for name, value in demands.items() if value is not None}
        if given and self.gpus is None:
            raise typer.BadParameter("a demand on GPUs needs --gpus with their number")
        return given if self.gpus else None

    def _outputs(self, patterns: Sequence[str], *, for_next_stage: bool) -> Iterator[dict[str, Any]]:
        for text in patterns:
            pattern, _, destination = text.partition(":")
            scratch = destination.startswith("https://")
            yield {
                "pattern": pattern,
                "destination": destination,
                "for_next_stage": for_next_stage,
                "lifetime_days": None if scratch else self.lifetime_days,
                "rse_expression": "" if scratch else self.output_rse_expression,
            }


def _repository(text: str) -> RepositorySpec:
    try:
        return RepositorySpec.parse(text)
    except ValidationError as error:
        raise BadDocument([FieldError(("--git-repo",), str(each)) for each in sentences.of(error)]) from error
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def by_option(error: FieldError) -> FieldError:
    """Name the option instead of the field of the spec."""
    names = [part for part in error.location if isinstance(part, str) and part != "stages"]
    for length in range(len(names), 0, -1):
        option = _OPTIONS.get(tuple(names[:length]))
        if option:
            return FieldError((option,), error.sentence)
    return FieldError((f"--{names[0].replace('_', '-')}",) if names else (), error.sentence)

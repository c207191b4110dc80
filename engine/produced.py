"""The outputs that a job reports, checked before anything of them is uploaded."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from justin.schemas import metadata
from justin.schemas.jobs import ProducedFile
from justin.schemas.metadata import Checked
from models.reports import StagePattern


@dataclass(frozen=True, slots=True)
class Produced:
    """An output that may be uploaded, as far as the report alone can tell."""

    did: str
    file: ProducedFile
    pattern: StagePattern
    metadata: Checked


def check(
    files: Sequence[ProducedFile], patterns: Sequence[StagePattern], scope: str
) -> tuple[list[Produced], list[str]]:
    """Return the outputs, and a sentence for everything that is wrong with them."""
    by_id = {pattern.pattern_id: pattern for pattern in patterns}
    problems = [*_twice(files), *_unmatched(files, by_id)]
    if problems:
        return [], problems
    produced = [_produced(file, by_id[file.pattern_id], scope) for file in files]
    return produced, [problem for output in produced for problem in output.metadata.problems]


def _produced(file: ProducedFile, pattern: StagePattern, scope: str) -> Produced:
    checked = metadata.check(f"{file.name}.json", file.metadata, file.parents)
    return Produced(f"{scope}:{file.name}", file, pattern, checked)


def _twice(files: Sequence[ProducedFile]) -> Iterator[str]:
    for name, count in Counter(file.name for file in files).items():
        if count > 1:
            yield f"The output {name} is reported {count} times."


def _unmatched(files: Sequence[ProducedFile], patterns: dict[int, StagePattern]) -> Iterator[str]:
    for file in files:
        pattern = patterns.get(file.pattern_id)
        if pattern is None:
            yield f"The output {file.name} is of pattern {file.pattern_id}, which the stage does not have."
        elif not fnmatchcase(file.name, pattern.pattern):
            yield f"The output {file.name} does not match the pattern {pattern.pattern}."

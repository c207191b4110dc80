"""The names of the datasets of outputs and of jobs' logs; people and other systems know them by these."""

from dataclasses import dataclass

NUMBERED_SIZE = 1000
"""Files of a numbered dataset."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A kind of output of a stage, as names tell of it."""

    workflow_id: int
    stage_number: int
    pattern_id: int
    destination: str = ""
    """Prefix of the destination dataset's name."""


def destination(pattern: Pattern, instance: str) -> str:
    """Name the dataset that users look for: `[DEST-][INSTANCE-]w504s1p1`."""
    return "-".join(filter(None, (pattern.destination, _common(pattern, instance))))


def numbered(pattern: Pattern, instance: str, number: int) -> str:
    """Name a part of it of at most `NUMBERED_SIZE` files, counted from 1: `…n001`."""
    return f"{destination(pattern, instance)}n{number:03}"


def of_storage(pattern: Pattern, instance: str, rse: str) -> str:
    """Name the dataset whose rule keeps the files at a storage: `[INSTANCE-]w504s1p1-RSE`."""
    return f"{_common(pattern, instance)}-{rse}"


def of_logs(instance: str, period: int, rse: str) -> str:
    """Name the dataset of the logs of a period at a storage: `[INSTANCE-]logstgz-1785000000-RSE`."""
    name = f"logstgz-{period}-{rse}"
    return f"{instance}-{name}" if instance else name


def _common(pattern: Pattern, instance: str) -> str:
    name = f"w{pattern.workflow_id}s{pattern.stage_number}p{pattern.pattern_id}"
    return f"{instance}-{name}" if instance else name

"""The lines of logs that say what went wrong."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

SHOWN: Final = 3
_LONGEST: Final = 200
_TELLING: Final = re.compile(
    r"error|exception|fatal|fail|abort|cannot|can't|could not|unable|no such|not found|denied|killed|segmentation"
    r"|traceback|undefined|out of memory|no space",
    re.IGNORECASE,
)
# What differs from job to job in the same line: numbers, addresses, and what is in quotes or is a path.
_VARYING: Final = re.compile(r"0x[0-9a-f]+|\d+|'[^']*'|\"[^\"]*\"|/\S+", re.IGNORECASE)


def commonest(logs: Iterable[str], shown: int = SHOWN) -> list[str]:
    """Return the lines that tell of an error in most logs, each as one of the logs has it.

    Lines count as the same when they differ in numbers, paths and quoted words only; of a log without such a line the
    last one counts.
    """
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for log in logs:
        for kind, line in _by_kind(_telling(log)).items():
            counts[kind] += 1
            examples.setdefault(kind, line)
    return [examples[kind][:_LONGEST] for kind, _count in counts.most_common(shown)]


def _telling(log: str) -> list[str]:
    lines = [stripped for line in log.splitlines() if (stripped := " ".join(line.split()))]
    return [line for line in lines if _TELLING.search(line)] or lines[-1:]


def _by_kind(lines: list[str]) -> dict[str, str]:
    return {_VARYING.sub("#", line): line for line in reversed(lines)}

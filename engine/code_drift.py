"""Whether tags and branches that running workflows have their code from have moved, or are gone.

A running workflow keeps the commit that it was made with; its owner is told, once for each change.
"""

import time
from dataclasses import dataclass, field
from typing import Final

from engine.errors import Unavailable
from engine.runtime import Runtime
from models import code
from models.code import ClaimedReferences, Drift
from models.moves import Reason

ACTOR: Final = "repositories"
CYCLE_SECONDS: Final = 20.0
"""When a cycle has asked for so long, the rest is for the next."""


@dataclass(slots=True)
class DriftReport:
    """What a cycle found out."""

    asked: int = 0
    """Repositories."""
    changes: list[Drift] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Hosts that did not answer: they are asked again as if they had."""


def watch_references(runtime: Runtime) -> DriftReport:
    """Ask hosts for the references of running workflows, each repository once in a while, and tell of changes."""
    report = DriftReport()
    end = time.monotonic() + CYCLE_SECONDS
    while time.monotonic() < end:
        with runtime.session() as session:
            claimed = code.claim(session, runtime.settings.git.watch_seconds)
        if claimed is None:
            break
        report.asked += 1
        try:
            report.changes += _watch(runtime, claimed)
        except Unavailable as error:
            report.problems.append(error.detail)
    return report


def _watch(runtime: Runtime, claimed: ClaimedReferences) -> list[Drift]:
    found = runtime.code.references(claimed.repository, claimed.references)
    commits = {reference: (found or {}).get(reference, "") for reference in claimed.references}
    with runtime.session() as session:
        return code.note(session, claimed.repository, commits, Reason(ACTOR))

"""Scratch space: the https:// addresses that outputs go to instead of Rucio, with their owner's token.

Below the address that the user gives come INSTANCE/WORKFLOW/STAGE, so that nobody's files meet, and below those a
number: file systems and people want no more than so many files in one directory.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from engine import sealing
from engine.dataset_names import NUMBERED_SIZE
from engine.errors import InvalidInput
from engine.produced import Produced
from engine.runtime import Runtime
from engine.sealing import NotSealed
from engine.settings import Scratch
from engine.targets import Target
from justin.schemas.specs import SCRATCH_SCHEME, StageSpec
from justin.states import EventType
from models import moves, scratch
from models.database import Session
from models.moves import Reason
from models.reports import StagePattern

LOG = logging.getLogger(__name__)

PLACE: Final = "SCRATCH"
"""What jobs are told in the place of a storage's name."""

ADVICE: Final = "Give a new one with `justin set-token`, then restart the workflow."
_MISSING: Final = "The workflow's outputs go to scratch space, and its owner has no token for that."


@dataclass(frozen=True, slots=True)
class Owner:
    """The stage whose outputs they are, as the addresses tell of it."""

    scope: str
    workflow_id: int
    stage_number: int


@dataclass(frozen=True, slots=True)
class Grant:
    """The token that a job gets for its uploads, or why it gets none."""

    token: str = field(default="", repr=False)
    problem: str = ""


NOT_NEEDED: Final = Grant()


def is_scratch(destination: str) -> bool:
    """Say whether outputs with this destination go to scratch space."""
    return destination.startswith(SCRATCH_SCHEME)


def directory(destination: str, owner: Owner, instance: str) -> str:
    """Return the address below which the outputs of a stage lie."""
    values = {
        "JUSTIN_SCOPE": owner.scope,
        "JUSTIN_WORKFLOW_ID": str(owner.workflow_id),
        "JUSTIN_STAGE_ID": str(owner.stage_number),
    }
    for name, value in values.items():
        destination = destination.replace(name, value)
    parts = (destination.rstrip("/"), instance, f"{owner.workflow_id:05}", str(owner.stage_number))
    return "/".join(filter(None, parts))


def targets(
    session: Session, outputs: Sequence[Produced], patterns: Sequence[StagePattern], owner: Owner, instance: str
) -> dict[str, list[Target]]:
    """Give each output the one address that nothing else has; outputs that are dropped later leave a gap.

    To be called where the outputs are recorded: who numbers files of the same directory waits until that is committed.
    """
    counters: dict[str, int] = {}
    for pattern in sorted(patterns, key=lambda each: each.output_id):
        # Kinds of output that go to one directory are counted together, at the first of them.
        counters.setdefault(directory(pattern.destination, owner, instance), pattern.output_id)
    together: dict[str, list[Produced]] = defaultdict(list)
    for output in outputs:
        together[directory(output.pattern.destination, owner, instance)].append(output)
    # In order, so that two jobs never wait for each other.
    places = sorted(together, key=lambda where: counters[where])
    return {
        did: [target]
        for where in places
        for did, target in _numbered(session, where, counters[where], together[where]).items()
    }


def _numbered(session: Session, where: str, counter_id: int, outputs: Sequence[Produced]) -> Mapping[str, Target]:
    first = scratch.count_files(session, counter_id, len(outputs))
    return {
        output.did: Target(None, PLACE, f"{where}/{(first + place) // NUMBERED_SIZE + 1}/{output.file.name}")
        for place, output in enumerate(outputs)
    }


def grant(session: Session, settings: Scratch, workflow_id: int) -> Grant:
    """Return the token of a workflow's owner, if it is good for long enough."""
    kept = scratch.token_of_workflow(session, workflow_id)
    if kept is None or settings.key_file is None:
        return Grant(problem=_MISSING)
    if kept.left_seconds < settings.least_seconds:
        return Grant(problem=f"The owner's token for scratch space expires at {kept.expires_at:%Y-%m-%d %H:%M:%S} UTC.")
    try:
        return Grant(token=sealing.unseal(settings.key_file, kept.sealed))
    except NotSealed:
        return Grant(problem="The owner's token for scratch space cannot be read any more.")


def pause(session: Session, workflow_id: int, problem: str, actor: str) -> bool:
    """Pause a workflow whose outputs cannot be uploaded, and say why."""
    because = Reason(actor, f"{problem} {ADVICE}")
    return moves.pause_problem_workflow(session, workflow_id, EventType.PAUSED_NO_SCRATCH_ACCESS, because)


def pause_workflows(runtime: Runtime, actor: str) -> list[int]:
    """Pause the running workflows whose owners have no token that is good for long enough, before jobs run in vain."""
    settings = runtime.settings.scratch
    paused = []
    with runtime.session() as session:
        for workflow_id, expires_at in scratch.workflows_without_token(session, settings.least_seconds):
            expires = (
                expires_at and f"The owner's token for scratch space expires at {expires_at:%Y-%m-%d %H:%M:%S} UTC."
            )
            if pause(session, workflow_id, expires or _MISSING, actor):
                paused.append(workflow_id)
    return paused


def check(session: Session, settings: Scratch, user_id: int, stages: Sequence[StageSpec], *, submit: bool) -> None:
    """Raise `InvalidInput` for outputs that go to scratch space when they could not be put there."""
    if any(output.to_scratch for stage in stages for output in stage.outputs):
        require(session, settings, user_id, submit=submit)


def require(session: Session, settings: Scratch, user_id: int, *, submit: bool) -> None:
    """Raise `InvalidInput` unless this server takes tokens and, for what is submitted, the user has a good one."""
    if settings.key_file is None:
        raise InvalidInput("This server takes no https:// destinations: it keeps no tokens. Name a dataset.")
    kept = scratch.token_of_user(session, user_id) if submit else None
    if submit and (kept is None or kept.left_seconds < settings.least_seconds):
        raise InvalidInput("An https:// destination needs your token: give one with `justin set-token` first.")

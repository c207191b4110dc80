"""Ranks for pilots: which stage's jobs a pilot at a site should start first, as ClassAd attributes."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from engine import stage_hints
from engine.errors import InvalidInput
from engine.runtime import Runtime
from models import ranks
from models.places import FARTHEST
from models.ranks import NearStage

MOST_STAGES: Final = 100
KEPT_SECONDS: Final = 60.0
"""So long the answer for a site is given again: pilots start in hundreds."""

NEEDED: Final = ("GLIDEIN_Entry_Name", "GLIDEIN_UUID")
"""What a pilot must tell beside its site."""


@dataclass(slots=True)
class Ranks:
    """The answers of the last minute, by site; threads may share them."""

    _answers: dict[str, tuple[float, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def classads(self, runtime: Runtime, site_name: str) -> str:
        """Return the ClassAd lines for pilots at a site; an unknown site ranks every job alike."""
        now = time.monotonic()
        # One at a time: of many pilots that ask at once, the first asks the database and the others wait for it.
        with self._lock:
            asked_at, answer = self._answers.get(site_name, (-KEPT_SECONDS, ""))
            if not answer or now - asked_at >= KEPT_SECONDS:
                answer = _answer(runtime, site_name)
                self._forget(now)
                self._answers[site_name] = now, answer
            return answer

    def _forget(self, now: float) -> None:
        """Drop old answers: anybody may ask for sites of any name."""
        for site_name in [name for name, (at, _) in self._answers.items() if now - at >= KEPT_SECONDS]:
            del self._answers[site_name]


def site_of(text: str, site_attribute: str) -> str:
    """Read where a pilot is from its configuration: on each line a name, white space, and a value.

    Raises `InvalidInput` when one that is needed is not there.
    """
    found = dict(line.split(None, 1) for line in text.splitlines() if len(line.split(None, 1)) > 1)
    missing = [name for name in (site_attribute, *NEEDED) if not found.get(name, "").strip()]
    if missing:
        raise InvalidInput(f"The pilot's configuration has no {', '.join(missing)}.")
    return found[site_attribute].strip()


def render(instance: str, stages: Sequence[NearStage], time_seconds: int) -> str:
    """Return the lines of an ad: when it was made, the ranks as they are, and the expression that looks them up."""
    ranked = [(stage_hints.word(instance, each.workflow_id, each.stage_number), _rank(each)) for each in stages]
    prefix = f"JUSTIN_{instance}_" if instance else "JUSTIN_"
    lines = [
        f"{prefix}RanksTime = {time_seconds}",
        f'{prefix}Ranks = "{" ".join(f"{hint}={rank:.2f}" for hint, rank in ranked)}"',
        f"{prefix}Rank = {_expression(ranked)}",
    ]
    return "".join(f"{line}\n" for line in lines)


def _answer(runtime: Runtime, site_name: str) -> str:
    with runtime.session() as session:
        stages = ranks.near_stages(session, site_name, MOST_STAGES)
    return render(runtime.settings.instance, stages, int(time.time()))


def _rank(stage: NearStage) -> float:
    """Rank by distance, then by priority: from 0, for the farthest with no priority, to 100.99."""
    return FARTHEST - stage.distance + min(stage.priority, 99) / 100


def _expression(ranked: Sequence[tuple[str, float]]) -> str:
    """Choose a rank by the job's hint; every choice in brackets of its own, and =?= is never undefined."""
    expression = "0.0"
    for hint, rank in reversed(ranked):
        expression = f'(TARGET.{stage_hints.ATTRIBUTE} =?= "{hint}" ? {rank:.2f} : {expression})'
    return expression

"""Cycles out of turn: an agent whose work is waiting runs at once, so that its interval may be long."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

FIRST_GAP_SECONDS: Final = 2.0
LAST_GAP_SECONDS: Final = 30.0


@dataclass(slots=True)
class Nudges:
    """When each agent may run out of turn again: soon while its work changes, ever more rarely while it does not."""

    _seen: dict[str, int] = field(default_factory=dict)
    _gaps: dict[str, float] = field(default_factory=dict)
    _again_at: dict[str, float] = field(default_factory=dict)

    def due(self, waiting: Mapping[str, int], now: float | None = None) -> list[str]:
        """Return the agents to run now, given how much work waits for each."""
        now = time.monotonic() if now is None else now
        for agent in self._seen.keys() - {agent for agent, work in waiting.items() if work}:
            self._forget(agent)
        return [agent for agent, work in waiting.items() if work and self._nudge(agent, work, now)]

    def _nudge(self, agent: str, work: int, now: float) -> bool:
        if now < self._again_at.get(agent, 0.0):
            return False
        same = self._seen.get(agent) == work
        gap = min(2 * self._gaps[agent], LAST_GAP_SECONDS) if same else FIRST_GAP_SECONDS
        self._seen[agent], self._gaps[agent], self._again_at[agent] = work, gap, now + gap
        return True

    def _forget(self, agent: str) -> None:
        del self._seen[agent], self._gaps[agent]

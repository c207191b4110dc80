"""Why a stage's jobs do not start: at each site, the first thing that keeps them from it."""

from dataclasses import dataclass
from typing import Final

from models import filters
from models.database import Session
from models.statements import load

_FILTERS: Final = (*filters.ASKED, *filters.PLACED)
_SENTENCES: Final = {one.name: one.sentence for one in (*_FILTERS, filters.FILES_WAIT, filters.IN_REACH)}
_WHY_NOT = load("why_not", branches=filters.first_unmet(_FILTERS))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a stage's jobs find at a site."""

    site: str
    filter: str | None
    """The first filter that excludes the site; None when jobs can start there in a slot that is large enough."""
    why: str
    distance: int | None
    """Of the nearest waiting files."""


def why_not(session: Session, stage_id: int, limit: int = 1000) -> list[Verdict]:
    """Say for each site what keeps the stage's jobs from starting there."""
    rows = _WHY_NOT.run(session, stage_id=stage_id, limit=limit)
    return [Verdict(site, name, _SENTENCES.get(name, ""), distance) for site, name, distance in rows]

"""How near each stage's waiting files are to a site, for pilots that have jobs of several stages to choose from."""

from dataclasses import dataclass

from models import filters
from models.database import Session
from models.statements import load

_SITE_RANKS = load("site_ranks", filters=filters.all_met((*filters.ASKED, *filters.PLACED)))


@dataclass(frozen=True, slots=True)
class NearStage:
    """A stage that jobs at a site could serve."""

    workflow_id: int
    stage_number: int
    priority: int
    distance: int
    """Of its nearest waiting file."""


def near_stages(session: Session, site_name: str, limit: int) -> list[NearStage]:
    """List the stages that jobs at a site could serve, the nearest first; none for an unknown site."""
    return [NearStage(*row) for row in _SITE_RANKS.run(session, site_name=site_name, limit=limit)]

"""Campaigns."""

from dataclasses import dataclass
from datetime import datetime

from justin.states import WorkflowState
from models.database import Session
from models.statements import load

_LIST_CAMPAIGNS = load("list_campaigns")


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign with its workflows by state."""

    campaign_id: int
    name: str
    description: str
    user: str
    created_at: datetime
    workflows: dict[WorkflowState, int]


def list_campaigns(session: Session, limit: int, after: int | None = None) -> list[CampaignRow]:
    """List campaigns, newest first; `after` is the key of the last one seen."""
    rows = _LIST_CAMPAIGNS.run(session, campaign_id=None, limit=limit, after=after)
    return [CampaignRow(*row) for row in rows]


def one_campaign(session: Session, campaign_id: int) -> CampaignRow | None:
    """Return a campaign; None for an unknown one."""
    rows = _LIST_CAMPAIGNS.run(session, campaign_id=campaign_id, limit=1, after=None)
    return CampaignRow(*rows[0]) if rows else None

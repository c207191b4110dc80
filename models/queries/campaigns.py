"""Campaigns."""

from justin.schemas.views import CampaignView
from models.database import Session
from models.statements import load

_LIST_CAMPAIGNS = load("list_campaigns")


def list_campaigns(session: Session, limit: int, after: int | None = None) -> list[CampaignView]:
    """List campaigns, newest first; `after` is the key of the last one seen."""
    return _LIST_CAMPAIGNS.read(session, CampaignView, campaign_id=None, limit=limit, after=after)


def one_campaign(session: Session, campaign_id: int) -> CampaignView | None:
    """Return a campaign; None for an unknown one."""
    return next(iter(_LIST_CAMPAIGNS.read(session, CampaignView, campaign_id=campaign_id, limit=1, after=None)), None)

"""Campaigns: workflows that belong together."""

from fastapi import APIRouter

from engine import submission
from engine.errors import NotFound
from justin.schemas.specs import CampaignSpec
from justin.schemas.views import CampaignView, Page
from models.queries import campaigns
from services.api.auth import Calling
from services.api.paging import page
from services.api.parameters import DEFAULT_LIMIT, After, CampaignId, Limit
from services.dependencies import Running

router = APIRouter(prefix="/campaigns", tags=["campaigns"])


@router.post("", status_code=201)
def create(runtime: Running, caller: Calling, spec: CampaignSpec) -> CampaignView:
    """Make a campaign."""
    with runtime.session() as session:
        campaign_id = submission.create_campaign(session, caller, spec)
    return one(runtime, caller, campaign_id)


@router.get("")
def several(
    runtime: Running,
    caller: Calling,  # noqa: ARG001  closed to strangers
    limit: Limit = DEFAULT_LIMIT,
    after: After = None,
) -> Page[CampaignView]:
    """List campaigns, newest first."""
    with runtime.session() as session:
        rows = campaigns.list_campaigns(session, limit + 1, after)
    return page(rows, limit, lambda row: row.campaign_id)


@router.get("/{campaign_id}")
def one(runtime: Running, caller: Calling, campaign_id: CampaignId) -> CampaignView:  # noqa: ARG001  as above
    """Show a campaign, with its workflows by state."""
    with runtime.session() as session:
        found = campaigns.one_campaign(session, campaign_id)
    if found is None:
        raise NotFound(f"There is no campaign {campaign_id}.")
    return found

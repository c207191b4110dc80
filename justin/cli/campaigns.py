"""Subcommands about campaigns."""

from pathlib import Path
from typing import Annotated

import typer

from justin.cli.command import Session, command
from justin.cli.options import Limit, write_id
from justin.cli.quantities import utc
from justin.cli.tables import Column
from justin.cli.tallies import tally
from justin.schemas.specs import CampaignSpec
from justin.schemas.views import CampaignView

_COLUMNS: list[Column[CampaignView]] = [
    Column("Campaign", lambda each: str(each.campaign_id), right=True),
    Column("Name", lambda each: each.name),
    Column("User", lambda each: each.user),
    Column("Created (UTC)", lambda each: utc(each.created_at)),
    Column("Workflows", lambda each: tally(each.workflows)),
]


@command("create-campaign")
def create_campaign(
    session: Session,
    name: Annotated[str, typer.Option("--name", help="What it is called.")],
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
    campaign_id_file: Annotated[
        Path | None, typer.Option("--campaign-id-file", metavar="FILE", help="Write the new campaign's id there too.")
    ] = None,
) -> None:
    """Make a campaign, to group workflows; print its id."""
    made = session.client.create_campaign(CampaignSpec(name=name, description=description))
    session.screen.say(str(made.campaign_id), made)
    write_id(campaign_id_file, made.campaign_id)


@command("show-campaigns")
def show_campaigns(session: Session, limit: Limit = 100) -> None:
    """List campaigns, newest first."""
    session.screen.table(_COLUMNS, session.client.campaigns(limit=limit + 1), limit)

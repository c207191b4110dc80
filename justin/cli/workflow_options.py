"""The options that describe a workflow, and the workflow they make."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from justin.cli.options import read_id
from justin.cli.stage_options import by_option
from justin.errors import BadDocument
from justin.schemas import sentences
from justin.schemas.inputs import MONTE_CARLO_LIMIT
from justin.schemas.specs import StageSpec, WorkflowSpec, end_of_day

DEFAULT_REFIND_HOURS = 1.0

CampaignId = Annotated[
    int | None, typer.Option("--campaign-id", metavar="ID", min=1, help="The campaign that it belongs to.")
]
CampaignIdFile = Annotated[
    Path | None, typer.Option("--campaign-id-file", metavar="FILE", help="A file that holds the campaign's id.")
]


@dataclass(frozen=True)
class WorkflowOptions:
    """What a workflow is called, and which files it takes."""

    name: Annotated[str, typer.Option("--name", help="A short name.")] = ""
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = ""
    scope: Annotated[str, typer.Option("--scope", help="The scope of its outputs.")] = "usertests"
    campaign_id: CampaignId = None
    campaign_id_file: CampaignIdFile = None
    mql: Annotated[
        str | None, typer.Option("--mql", help="The files to process: MQL, or 'rucio-dataset SCOPE:NAME'.")
    ] = None
    monte_carlo: Annotated[
        int | None,
        typer.Option(
            "--monte-carlo", metavar="COUNT", min=1, max=MONTE_CARLO_LIMIT, help="Instead of --mql: so many numbers."
        ),
    ] = None
    refind_end_date: Annotated[
        str | None,
        typer.Option("--refind-end-date", metavar="YYYYMMDD", help="Look for new files until the end of that UTC day."),
    ] = None
    refind_interval_hours: Annotated[
        float | None, typer.Option("--refind-interval-hours", metavar="HOURS", help="How often to look for new files.")
    ] = None
    workflow_id_file: Annotated[
        Path | None, typer.Option("--workflow-id-file", metavar="FILE", help="Write the new workflow's id there too.")
    ] = None

    def spec(self, stages: list[StageSpec], now: datetime) -> WorkflowSpec:
        """Make the workflow; raises BadDocument that names the options."""
        document = {
            "name": self.name,
            "description": self.description,
            "scope": self.scope,
            "campaign_id": read_id(self.campaign_id_file) if self.campaign_id_file else self.campaign_id,
            "mql": self._query(),
            "stages": stages,
            **self._refinding(now),
        }
        try:
            return WorkflowSpec.model_validate(document)
        except ValidationError as error:
            raise BadDocument([by_option(each) for each in sentences.of(error)]) from error

    def _query(self) -> str:
        if (self.mql is None) == (self.monte_carlo is None):
            raise typer.BadParameter("say which files to process: --mql QUERY or --monte-carlo COUNT, one of the two")
        return f"monte-carlo {self.monte_carlo}" if self.mql is None else self.mql

    def _refinding(self, now: datetime) -> dict[str, Any]:
        """Give both halves of looking again: each one defaults when the other is given."""
        if self.refind_end_date is None and self.refind_interval_hours is None:
            return {}
        hours = DEFAULT_REFIND_HOURS if self.refind_interval_hours is None else self.refind_interval_hours
        day = self.refind_end_date or now.astimezone(UTC).strftime("%Y%m%d")
        try:
            return {"refind_until": end_of_day(day), "refind_interval_hours": hours}
        except ValueError as error:
            raise typer.BadParameter(f"write --refind-end-date as YYYYMMDD, not {day!r}") from error

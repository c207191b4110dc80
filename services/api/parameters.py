"""What may stand in paths and queries, no larger than the database takes."""

from typing import Annotated

from fastapi import Path, Query

_LARGEST_INTEGER = 2**31 - 1
_LARGEST_KEY = 2**63 - 1
NO_NUL = r"^[^\x00]*$"

DEFAULT_LIMIT = 100

WorkflowId = Annotated[int, Path(ge=1, le=_LARGEST_INTEGER)]
StageNumber = Annotated[int, Path(ge=1, le=_LARGEST_INTEGER, description="The stage's number in its workflow, from 1.")]
CampaignId = Annotated[int, Path(ge=1, le=_LARGEST_INTEGER)]
JobsubId = Annotated[str, Path(max_length=255, pattern=NO_NUL)]

OfWorkflow = Annotated[int | None, Query(ge=1, le=_LARGEST_INTEGER)]
OfStage = Annotated[int | None, Query(ge=1, le=_LARGEST_INTEGER, description="The stage's number, from 1.")]
OfCampaign = Annotated[int | None, Query(ge=1, le=_LARGEST_INTEGER)]
Name = Annotated[str | None, Query(max_length=512, pattern=NO_NUL)]
OldestFirst = Annotated[bool, Query(description="In the order in which it happened.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
After = Annotated[int | None, Query(ge=0, le=_LARGEST_KEY, description="`next_after` of the page before.")]

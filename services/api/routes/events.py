"""What happened."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from engine import archived
from engine.errors import InvalidInput
from justin.schemas.views import EventView, Page
from justin.states import EventType
from models.queries import events
from models.queries.events import EventFilter
from services.api.auth import Calling
from services.api.paging import page
from services.api.parameters import DEFAULT_LIMIT, NO_NUL, After, Limit, Name, OfStage, OfWorkflow, OldestFirst
from services.dependencies import Running

router = APIRouter(prefix="/events", tags=["events"])

Person = Annotated[str | None, Query(max_length=512, pattern=NO_NUL, description="The person that did it.")]
Since = Annotated[AwareDatetime | None, Query(description="From then on.")]
Until = Annotated[AwareDatetime | None, Query(description="Before then.")]


@router.get("")
def several(
    runtime: Running,
    caller: Calling,  # noqa: ARG001  closed to strangers
    workflow_id: OfWorkflow = None,
    stage_id: OfStage = None,
    job: Name = None,
    did: Name = None,
    event_type: EventType | None = None,
    site: Name = None,
    entry: Name = None,
    rse: Name = None,
    user: Person = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = DEFAULT_LIMIT,
    after: After = None,
    *,
    oldest_first: OldestFirst = False,
) -> Page[EventView]:
    """List events, newest first; a file's by `did` and `workflow_id`."""
    if did is not None and workflow_id is None:
        raise InvalidInput("To see the events of a file, give workflow_id with did.")
    wanted = EventFilter(workflow_id, stage_id, job, did, event_type, site, entry, rse, user, since, until)
    archive = archived.find(runtime, workflow_id) if workflow_id else None
    listed = archive.events if archive else events.list_events
    with runtime.session() as session:
        rows = listed(session, wanted, limit + 1, after, oldest_first=oldest_first)
    return page(rows, limit, lambda row: row.event_id)

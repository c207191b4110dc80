"""Prefect's own events, made of ours, so that its automations can act on them."""

import uuid
from collections.abc import Sequence
from typing import Any, Final

import httpx
from prefect.client.orchestration import get_client
from prefect.events.schemas.events import Event

from engine import published_events
from engine.errors import Unavailable
from engine.event_settings import Publisher
from engine.publisher import PREFECT
from engine.sinks import Delivery
from justin.schemas.views import EventView

NAMESPACE: Final = uuid.UUID("6a757374-696e-4000-8000-000000000001")
_MANY: Final = ("file_", "output_")


class PrefectEvents:
    """The Prefect server that this process works for.

    `emit_event` would put events into a queue of this process and say nothing of what becomes of them; so they are
    posted, and an event's id is made of ours, so that Prefect knows one that comes again.
    """

    name: Final = PREFECT

    def __init__(self, settings: Publisher, instance: str) -> None:
        self._wanted = frozenset(settings.prefect_event_types)
        self._timeout_seconds = settings.timeout_seconds
        self._instance = instance

    def send(self, events: Sequence[EventView]) -> Delivery:
        """Tell Prefect of the wanted ones of the events."""
        made = [self._event(event).model_dump(mode="json") for event in events if self._is_wanted(event)]
        if not made:
            return Delivery()
        try:
            with get_client(sync_client=True) as client:
                client._client.post("/events", json=made, timeout=self._timeout_seconds).raise_for_status()  # noqa: SLF001  it has no method for it
        except httpx.HTTPError as error:
            raise Unavailable(f"Prefect: {error}") from error
        return Delivery()

    def _is_wanted(self, event: EventView) -> bool:
        return event.event_type in self._wanted if self._wanted else not event.event_type.startswith(_MANY)

    def _event(self, event: EventView) -> Event:
        return Event.model_validate(
            {
                "id": uuid.uuid5(NAMESPACE, f"{self._instance}:{event.event_id}"),
                "event": f"justin.{event.event_type}",
                "occurred": event.time,
                "resource": self._resource(event),
                "related": self._related(event),
                "payload": published_events.document(event, self._instance),
            }
        )

    def _resource(self, event: EventView) -> dict[str, str]:
        prefix = f"justin.{self._instance.lower()}." if self._instance else "justin."
        if event.workflow_id is not None:
            return {
                "prefect.resource.id": f"{prefix}workflow.{event.workflow_id}",
                "prefect.resource.name": f"workflow {event.workflow_id}",
            }
        if event.site:
            return {"prefect.resource.id": f"{prefix}site.{event.site}", "prefect.resource.name": event.site}
        if event.rse:
            return {"prefect.resource.id": f"{prefix}storage.{event.rse}", "prefect.resource.name": event.rse}
        return {"prefect.resource.id": f"{prefix}system", "prefect.resource.name": "justIN"}

    def _related(self, event: EventView) -> list[dict[str, Any]]:
        named = {
            "job": event.jobsub_id,
            "site": event.site,
            "storage": event.rse,
            "person": event.actor if event.source else None,
        }
        return [
            {"prefect.resource.id": f"justin.{kind}.{name}", "prefect.resource.role": kind}
            for kind, name in named.items()
            if name
        ]

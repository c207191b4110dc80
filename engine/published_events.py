"""What is told of an event outside: one document, the same for everybody."""

import json
from typing import Any

from justin.schemas.views import EventView


def document(event: EventView, instance: str) -> dict[str, Any]:
    """Return the event as JSON has it; its message stands beside the details too, to be searched for."""
    message = (event.details or {}).get("message")
    return {"instance": instance, **event.model_dump(mode="json"), "message": message}


def line(event: EventView, instance: str) -> bytes:
    """Return the event as one line of JSON."""
    return json.dumps(document(event, instance), separators=(",", ":")).encode() + b"\n"

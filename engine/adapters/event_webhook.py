"""Events posted to an address, with a signature that shows who has sent them."""

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import httpx

from engine import published_events
from engine.errors import Unavailable
from engine.event_settings import Webhook
from engine.settings import read_password
from engine.sinks import Delivery, RefusedEvent
from justin.schemas.views import EventView

# Each request would be logged with its address, which may hold a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)

_UNFIT: Final = frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})
"""Answers that speak of what was sent; all others may change without it."""


class EventWebhook:
    """A receiver of events over HTTP."""

    def __init__(self, settings: Webhook, instance: str, timeout_seconds: float) -> None:
        self.name: Final = f"webhook-{settings.name}"
        self._settings = settings
        self._instance = instance
        self._timeout_seconds = timeout_seconds
        self._wanted = frozenset(settings.event_types)

    def send(self, events: Sequence[EventView]) -> Delivery:
        """Post the wanted ones of the events in one request, or in several when they are too many for the receiver."""
        wanted = [event for event in events if not self._wanted or event.event_type in self._wanted]
        return Delivery(refused=tuple(self._post(wanted))) if wanted else Delivery()

    def _post(self, events: Sequence[EventView]) -> list[RefusedEvent]:
        response = self._request(events)
        if response.is_success:
            return []
        answer = f"{response.status_code} {response.reason_phrase}"
        if response.status_code not in _UNFIT:
            raise Unavailable(f"The webhook {self._settings.name} answers {answer}")
        if len(events) == 1:
            return [RefusedEvent(events[0].event_id, answer)]
        half = len(events) // 2
        return [*self._post(events[:half]), *self._post(events[half:])]

    def _request(self, events: Sequence[EventView]) -> httpx.Response:
        documents = [published_events.document(event, self._instance) for event in events]
        body = json.dumps({"instance": self._instance, "events": documents}, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", **self._signature(body)}
        try:
            return httpx.post(self._settings.url, content=body, headers=headers, timeout=self._timeout_seconds)
        except httpx.HTTPError as error:
            # Its text may hold the address, and that a secret.
            raise Unavailable(f"The webhook {self._settings.name} does not answer: {type(error).__name__}") from error

    def _signature(self, body: bytes) -> dict[str, str]:
        """Sign the time with the body, so that what was recorded cannot be played back later."""
        try:
            secret = read_password(self._settings.secret_file).get_secret_value()
        except OSError as error:
            raise Unavailable(f"The secret of the webhook {self._settings.name}: {error.strerror}") from error
        if not secret:
            raise Unavailable(f"The secret of the webhook {self._settings.name} is empty: {self._settings.secret_file}")
        sent_at = str(int(time.time()))
        digest = hmac.new(secret.encode(), f"{sent_at}.".encode() + body, hashlib.sha256).hexdigest()
        return {"Justin-Timestamp": sent_at, "Justin-Signature": f"sha256={digest}"}

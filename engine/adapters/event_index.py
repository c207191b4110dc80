"""Events as documents in OpenSearch or Elasticsearch, by the bulk requests that both understand."""

import logging
import ssl
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from opensearchpy import OpenSearch
from opensearchpy.exceptions import ConnectionError as NoConnection
from opensearchpy.exceptions import OpenSearchException, SerializationError, TransportError
from pydantic import BaseModel, ValidationError

from engine import published_events
from engine.errors import Unavailable
from engine.event_settings import Publisher
from engine.settings import read_password
from engine.sinks import Delivery, RefusedEvent
from justin.schemas.views import EventView

# It logs what it was answered, and what it has sent.
logging.getLogger("opensearch").setLevel(logging.ERROR)

_KEYWORDS: Final = ["instance", "event_type", "actor", "source", "did", "jobsub_id", "site", "entry", "rse"]
MAPPINGS: Final[Mapping[str, Any]] = {
    "dynamic": False,
    "properties": {
        **{name: {"type": "keyword", "ignore_above": 1024} for name in _KEYWORDS},
        "event_id": {"type": "long"},
        "time": {"type": "date"},
        "workflow_id": {"type": "integer"},
        "stage_id": {"type": "integer"},
        "seconds": {"type": "double"},
        "message": {"type": "text"},
        # Kept and shown, but not searched: its fields are of another kind in each type of event.
        "details": {"type": "object", "enabled": False},
    },
}

_ABOUT_THE_CLUSTER: Final = frozenset({"validation_exception"})
"""What is answered with 400 although the document is well: the cluster has as many shards as it may."""


class _Error(BaseModel):
    type: str = ""
    reason: str | None = ""


class _Item(BaseModel):
    status: int
    error: _Error | None = None


class _Line(BaseModel):
    index: _Item


class _Answer(BaseModel):
    items: list[_Line]


class EventIndex:
    """A cluster with one index per month; an event is the document of its id, however often it is sent."""

    name: Final = "index"

    def __init__(self, settings: Publisher, instance: str) -> None:
        self._settings = settings
        self._instance = instance
        self._client: OpenSearch | None = None

    def send(self, events: Sequence[EventView]) -> Delivery:
        """Index the events in one bulk request, or in several when they are too large for one."""
        try:
            return self._bulk(events)
        except (OpenSearchException, ValidationError, OSError) as error:
            raise Unavailable(f"The index of events: {_sentence(error)}") from error

    def _bulk(self, events: Sequence[EventView]) -> Delivery:
        try:
            answer = self._connected().bulk(body=list(self._lines(events)))
        except TransportError as error:
            if error.status_code != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                raise
            return self._halved(events)
        items = [line.index for line in _Answer.model_validate(answer).items]
        if len(items) != len(events):
            raise Unavailable(f"The index of events answers for {len(items)} of {len(events)} events")
        return _judged(events, items)

    def _halved(self, events: Sequence[EventView]) -> Delivery:
        if len(events) == 1:
            return Delivery(refused=(RefusedEvent(events[0].event_id, "too large for one request"),))
        half = len(events) // 2
        first = self._bulk(events[:half])
        if first.waits_from is not None:
            return first
        second = self._bulk(events[half:])
        return Delivery((*first.refused, *second.refused), second.waits_from, second.problem)

    def _lines(self, events: Sequence[EventView]) -> list[dict[str, Any]]:
        prefix = self._settings.index_prefix
        lines: list[dict[str, Any]] = []
        for event in events:
            key = f"{self._instance}-{event.event_id}" if self._instance else str(event.event_id)
            lines.append({"index": {"_index": f"{prefix}-{event.time:%Y.%m}", "_id": key}})
            lines.append(published_events.document(event, self._instance))
        return lines

    def _connected(self) -> OpenSearch:
        """Return the client; when it is the first time, see that new indices will have our fields."""
        if self._client is None:
            client = _client(self._settings)
            prefix = self._settings.index_prefix
            body = {"index_patterns": [f"{prefix}-*"], "template": {"mappings": MAPPINGS}}
            client.indices.put_index_template(name=prefix, body=body)
            self._client = client
        return self._client


def _client(settings: Publisher) -> OpenSearch:
    """Make a client that tries once: what failed is sent again from where it stands, after a pause."""
    options: dict[str, Any] = {}
    if settings.index_username:
        password = read_password(settings.index_password_file).get_secret_value()
        options["http_auth"] = (settings.index_username, password)
    if settings.index_api_key_file:
        key = read_password(settings.index_api_key_file).get_secret_value()
        options["headers"] = {"Authorization": f"ApiKey {key}"}
    if any(url.startswith("https://") for url in settings.index_urls):
        ca_file = settings.index_ca_file
        options["ssl_context"] = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    return OpenSearch(
        hosts=settings.index_urls, timeout=settings.timeout_seconds, max_retries=0, http_compress=True, **options
    )


def _judged(events: Sequence[EventView], items: Sequence[_Item]) -> Delivery:
    """Tell the documents that will never do from those that a busy cluster may take later."""
    refused: list[RefusedEvent] = []
    for event, item in zip(events, items, strict=True):
        if item.status < HTTPStatus.MULTIPLE_CHOICES:
            continue
        error = item.error or _Error()
        reason = f"{item.status} {error.type}: {error.reason or ''}"
        if item.status != HTTPStatus.BAD_REQUEST or error.type in _ABOUT_THE_CLUSTER:
            return Delivery(tuple(refused), event.event_id, f"The index of events: {reason}")
        refused.append(RefusedEvent(event.event_id, reason))
    return Delivery(tuple(refused))


def _sentence(error: Exception) -> str:
    if isinstance(error, NoConnection):
        return f"it does not answer ({type(error).__name__})"
    if isinstance(error, TransportError):
        return f"it answers {error.status_code} {error.error}"
    if isinstance(error, ValidationError | SerializationError):
        return "its answer is not that of a bulk request"
    return str(error)

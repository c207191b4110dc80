"""The settings about events: how long they are kept, and who is told of them."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from justin.states import EventType


class Events(BaseModel):
    """How long events are kept."""

    keep_days: Annotated[int, Field(ge=31)] | None = None
    """Older ones are dropped, a month at a time, once told to all who are to be told; none are when it is not set."""
    months_ahead: Annotated[int, Field(ge=1, le=24)] = 3
    """For how many months after the present one the table has room made ahead."""


class Webhook(BaseModel):
    """An address to which events are posted."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,32}$")]
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]
    secret_file: Path
    """Holds the secret by which the receiver knows that it was this server."""
    event_types: list[EventType] = []
    """All when empty."""


class Publisher(BaseModel):
    """Who is told of events; each by itself, in order, and at least once."""

    file: Path | None = None
    """Gets a line of JSON for each event."""
    file_max_bytes: Annotated[int, Field(ge=1)] = 256 * 1024 * 1024
    """When it is larger it becomes FILE.1, that FILE.2, and so on."""
    file_keep: Annotated[int, Field(ge=1)] = 10
    """How many such files are kept."""
    index_urls: list[str] = []
    """Of the nodes of an OpenSearch or Elasticsearch cluster."""
    index_prefix: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")] = "justin-events"
    """Its indices are PREFIX-YYYY.MM."""
    index_username: str = ""
    index_password_file: Path | None = None
    index_api_key_file: Path | None = None
    """Instead of a username and password."""
    index_ca_file: Path | None = None
    """The authorities that vouch for the cluster; the usual ones when it is not set."""
    webhooks: list[Webhook] = []
    """Each with name, url, secret_file, and event_types if not all."""
    prefect: bool = False
    """Whether Prefect is told, so that automations can act on events."""
    prefect_event_types: list[EventType] = []
    """That Prefect is told of; all but those of files and outputs, which are many, when empty."""
    batch: Annotated[int, Field(ge=1, le=5000)] = 500
    """Events that are sent at once."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    first_retry_seconds: Annotated[float, Field(gt=0)] = 5.0
    """After a failure; the pause doubles with each."""
    last_retry_seconds: Annotated[float, Field(gt=0)] = 300.0
    lease_seconds: Annotated[float, Field(gt=0)] = 120.0
    """For how long a publisher that has died keeps others from its place."""

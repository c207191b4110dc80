"""Those who are told of events, as the settings name them."""

from engine.adapters.event_file import EventFile
from engine.adapters.event_index import EventIndex
from engine.adapters.event_webhook import EventWebhook
from engine.event_settings import Publisher
from engine.sinks import EventSink


def made(settings: Publisher, instance: str) -> tuple[EventSink, ...]:
    """Make all; none is reached before it is told something."""
    sinks: list[EventSink] = [EventWebhook(each, instance, settings.timeout_seconds) for each in settings.webhooks]
    if settings.file:
        sinks.append(EventFile(settings.file, settings.file_max_bytes, settings.file_keep, instance))
    if settings.index_urls:
        sinks.append(EventIndex(settings, instance))
    return tuple(sinks)

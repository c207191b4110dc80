"""Prefect tasks around `engine.publisher`."""

from prefect import task

from engine import publisher, wiring
from engine.errors import NotFound
from engine.publisher import Published
from engine.runtime import Runtime
from engine.sinks import EventSink
from tasks.prefect_events import PrefectEvents


@task(name="sinks")
def sinks() -> list[str]:
    """Name those who are told of events."""
    return [sink.name for sink in _sinks(wiring.current())]


@task(name="publish")
def publish(name: str) -> Published:
    """Tell one of the events that it does not know yet."""
    runtime = wiring.current()
    for sink in _sinks(runtime):
        if sink.name == name:
            return publisher.publish(runtime, sink)
    raise NotFound(f"No {name} is to be told of events.")


def _sinks(runtime: Runtime) -> list[EventSink]:
    settings = runtime.settings
    prefect = [PrefectEvents(settings.publisher, settings.instance)] if settings.publisher.prefect else []
    return [*runtime.sinks, *prefect]

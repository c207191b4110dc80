"""Events, told to whoever is to be told of them: in order, at least once, and each by itself."""

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from engine import published_events
from engine.errors import EngineError
from engine.runtime import Runtime
from engine.sinks import Delivery, EventSink
from justin.schemas.views import EventView
from models import horizon, leases, sinks
from models.queries import events as stored
from models.queries.events import EventFilter
from models.sinks import SetAside

LOG = logging.getLogger(__name__)

PREFECT: Final = "prefect"
"""The name under which Prefect is told of events."""
MOST_BATCHES: Final = 40
"""In one cycle, so that one that has much to hear does not keep the next cycle of the others waiting."""
SETTLE_SECONDS: Final = 1.0
"""How long transactions that write events are waited for; what they hold up comes with the next cycle."""
POLL_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Published:
    """What one was told in a cycle."""

    sink: str
    events: int = 0
    refused: int = 0
    last_event_id: int = 0
    problem: str = ""

    def __bool__(self) -> bool:
        """Whether anything was done."""
        return bool(self.events or self.problem)


def publish(runtime: Runtime, sink: EventSink) -> Published:
    """Tell one of all events that it does not know yet; nothing while another does so, or in a pause after a failure.

    Killed anywhere, it goes on after the last event that was noted as told: nothing is left out, and what was told and
    not noted, one batch at most, is told again.
    """
    holder, lease = uuid.uuid4().hex, f"publisher:{sink.name}"
    seconds = runtime.settings.publisher.lease_seconds
    with runtime.session() as session:
        if not leases.take(session, lease, holder, seconds):
            return Published(sink.name)
    try:
        done = Published(sink.name)
        for _ in range(MOST_BATCHES):
            batch = _publish_batch(runtime, sink)
            done = _sum(done, batch)
            with runtime.session() as session:
                is_held = leases.renew(session, lease, holder, seconds)
            if batch.problem or not batch.events or not is_held:
                break
        return done
    finally:
        with runtime.session() as session:
            leases.release(session, lease, holder)


def told_to_all(runtime: Runtime) -> int | None:
    """Return up to which event everybody was told; None when nobody is to be told."""
    names = [sink.name for sink in runtime.sinks]
    if runtime.settings.publisher.prefect:
        names.append(PREFECT)
    with runtime.session() as session:
        return sinks.published_to(session, names)


def settled(runtime: Runtime, beyond: int, enough: int) -> int:
    """Return up to which event nothing can appear any more, waiting a moment for it to be after `beyond`.

    It is not looked at whether it could be after `enough` events more than that.
    """
    give_up = time.monotonic() + SETTLE_SECONDS
    while True:
        with runtime.session() as session:
            known = horizon.advance(session)
        if known.event_id >= beyond + enough:
            return known.event_id
        has_fence = known.fence > known.event_id and not known.is_foreign
        if not has_fence:
            with runtime.session() as session:
                has_fence = horizon.put_up_fence(session, known)
        if known.event_id > beyond or not has_fence or time.monotonic() > give_up:
            return known.event_id
        time.sleep(POLL_SECONDS)


def _publish_batch(runtime: Runtime, sink: EventSink) -> Published:
    with runtime.session() as session:
        progress = sinks.progress(session, sink.name)
    if not progress.is_due:
        return Published(sink.name)
    batch = runtime.settings.publisher.batch
    wanted = EventFilter(up_to=settled(runtime, progress.event_id, batch))
    with runtime.session() as session:
        events = stored.list_events(session, wanted, batch, progress.event_id, oldest_first=True)
    if not events:
        return Published(sink.name)
    try:
        delivery = sink.send(events)
    except EngineError as error:
        delivery = Delivery(waits_from=events[0].event_id, problem=str(error))
    return _note(runtime, sink.name, progress.event_id, events, delivery)


def _note(runtime: Runtime, sink: str, was: int, events: Sequence[EventView], delivery: Delivery) -> Published:
    """Keep how far it was told, what it would not have, and when it is to be tried again."""
    waits_from = delivery.waits_from
    taken = [event for event in events if waits_from is None or event.event_id < waits_from]
    refused = _set_aside(runtime, taken, delivery)
    to = taken[-1].event_id if taken else was
    settings = runtime.settings.publisher
    with runtime.session() as session:
        if taken and not sinks.advance(session, sink, was, to):
            return Published(sink, problem="another publisher is telling it")
        sinks.set_aside(session, sink, refused)
        if waits_from is not None:
            sinks.put_off(session, sink, delivery.problem, settings.first_retry_seconds, settings.last_retry_seconds)
    if delivery.problem:
        LOG.warning("%s; it is told again later, from event %d", delivery.problem, waits_from or 0)
    for each in refused:
        LOG.warning("%s would not have event %d: %s", sink, each.event_id, each.reason)
    return Published(sink, len(taken) - len(refused), len(refused), to, delivery.problem)


def _set_aside(runtime: Runtime, taken: Sequence[EventView], delivery: Delivery) -> list[SetAside]:
    reasons = {each.event_id: each.reason for each in delivery.refused}
    return [
        SetAside(event.event_id, reasons[event.event_id], published_events.document(event, runtime.settings.instance))
        for event in taken
        if event.event_id in reasons
    ]


def _sum(done: Published, batch: Published) -> Published:
    last = batch.last_event_id or done.last_event_id
    return Published(done.sink, done.events + batch.events, done.refused + batch.refused, last, batch.problem)

"""How fast Rucio answers, so that it is spared while it is slow."""

import logging
import time
from typing import Final

from engine.errors import EngineError
from engine.runtime import Runtime
from models import pulses
from models.pulses import Pulse

LOG = logging.getLogger(__name__)

RUCIO: Final = "rucio"
STALE_AFTER_SECONDS: Final = 600.0
"""What was measured before that says nothing of now: nobody may have measured since."""

FRESH_FOR_SECONDS: Final = 60.0


def measure(runtime: Runtime) -> Pulse:
    """Ping Rucio and note how it answered; what was measured within the last minute is taken for now."""
    with runtime.session() as session:
        known = pulses.newest(session, RUCIO, FRESH_FOR_SECONDS)
    if known:
        return known
    pulse = _ping(runtime)
    with runtime.session() as session:
        pulses.put(session, RUCIO, pulse)
    return pulse


def why_to_wait(runtime: Runtime) -> str:
    """Say why Rucio should be spared now; empty when it need not be.

    One that does not answer at all is no reason: whoever asks finds out, and the moment that it is back.
    """
    limit = runtime.settings.rucio.slow_after_seconds
    with runtime.session() as session:
        pulse = pulses.newest(session, RUCIO, STALE_AFTER_SECONDS)
    if pulse is None or not pulse.answered or pulse.seconds <= limit:
        return ""
    return f"Rucio is slow and is left alone for now: it took {pulse.seconds:.1f} s to answer, {limit:g} s are well."


def _ping(runtime: Runtime) -> Pulse:
    began = time.monotonic()
    try:
        return Pulse(answered=True, seconds=runtime.rucio.ping())
    except EngineError as error:
        LOG.warning("%s", error)
        return Pulse(answered=False, seconds=time.monotonic() - began, problem=str(error))

"""Following the log of a running job: only its end is kept, so what is new is told from what was shown before."""

import time
from collections.abc import Callable, Iterator, Sequence

from justin.errors import NoConnection, Unavailable
from justin.schemas.views import JobLogView, JobView
from justin.states import TERMINAL_JOB_STATES
from justin.waiting import Limits

JOBSCRIPT = "jobscript"
LOST = "\n[some of the log was lost here]\n"
"""Stands where more was written between two heartbeats than is kept."""


def of_kind(logs: Sequence[JobLogView], kind: str) -> str:
    """Return the text of the log of that kind; an empty one when none is kept yet."""
    return next((log.text for log in logs if log.kind == kind), "")


def new_part(shown: str, text: str) -> str:
    """Return what follows in `text` on what was shown before; `text` may have lost its beginning meanwhile."""
    if text.startswith(shown):
        return text[len(shown) :]
    # The most that may overlap is the right one: the kept end moves on, and never back.
    for start in range(max(0, len(shown) - len(text)), len(shown)):
        if text.startswith(shown[start:]):
            return text[len(shown) - start :]
    return LOST + text


def pieces(
    job: Callable[[], JobView], logs: Callable[[], Sequence[JobLogView]], kind: str, limits: Limits
) -> Iterator[str]:
    """Yield what is new in a job's log, until the job has ended and all of it was shown."""
    shown = ""
    answered = time.monotonic()
    ended = False
    while not ended:
        try:
            # The job first: what it writes until it ends is in the log that is read after.
            over = job().state in TERMINAL_JOB_STATES
            text = of_kind(logs(), kind)
        except (NoConnection, Unavailable):
            if time.monotonic() - answered > limits.outage_seconds:
                raise
        else:
            answered = time.monotonic()
            if piece := new_part(shown, text):
                yield piece
            shown, ended = text, over
        if not ended:
            time.sleep(limits.poll_seconds)

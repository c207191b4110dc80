"""Ways to find out whether a server is ready."""

import urllib.error
import urllib.request
from collections.abc import Callable

ANSWER_SECONDS = 5.0


def answers(url: str) -> Callable[[], bool]:
    """Return a check that a GET of `url` succeeds."""

    def check() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_SECONDS):  # noqa: S310 - our own address
                return True
        except (urllib.error.URLError, OSError):
            return False

    return check

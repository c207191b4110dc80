"""Questions to outside services that somebody waits for: asked a few at once, and no longer than one would wait."""

from collections.abc import Callable, Hashable, Mapping
from concurrent import futures
from typing import Final, TypeVar

from engine.errors import EngineError, Unavailable

AT_ONCE: Final = 4

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


def ask(
    questions: Mapping[Key, Callable[[], Answer]], patience_seconds: float
) -> tuple[dict[Key, Answer], dict[Key, EngineError]]:
    """Return the answers, and why there are no others; a question that is still open then ends on its own."""
    pool = futures.ThreadPoolExecutor(max_workers=AT_ONCE)
    try:
        asked = {pool.submit(question): key for key, question in questions.items()}
        done, late = futures.wait(asked, timeout=patience_seconds)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    answers: dict[Key, Answer] = {}
    problems: dict[Key, EngineError] = {
        asked[each]: Unavailable(f"There was no answer within {patience_seconds:g} s.") for each in late
    }
    for each in done:
        try:
            answers[asked[each]] = each.result()
        except EngineError as error:
            problems[asked[each]] = error
    return answers, problems

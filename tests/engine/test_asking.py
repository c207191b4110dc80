"""Questions to several services at once: what one does not answer takes nothing from the others."""

import threading

from engine import asking
from engine.errors import InvalidInput, Unavailable


def refuse() -> str:
    raise InvalidInput("There is no such thing.")


def test_each_question_has_its_answer_or_its_error() -> None:
    answers, problems = asking.ask({"a": lambda: "A", "b": refuse, "c": lambda: "C"}, 60)

    assert answers == {"a": "A", "c": "C"}
    assert {key: str(error) for key, error in problems.items()} == {"b": "There is no such thing."}


def test_nobody_waits_for_a_service_that_hangs() -> None:
    hanging = threading.Event()
    try:
        answers, problems = asking.ask({"slow": lambda: hanging.wait(60)}, 0.05)
    finally:
        hanging.set()

    assert answers == {}
    assert isinstance(problems["slow"], Unavailable)
    assert "0.05 s" in str(problems["slow"])


def test_no_question_is_no_trouble() -> None:
    assert asking.ask({}, 1) == ({}, {})

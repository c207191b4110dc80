"""Storages are tried in an order that a person would choose."""

from engine import output_storages
from models.queries.storages import OutputStorage

NEAR = OutputStorage(1, "NEAR", None, 0, 0.5)
NEAR_EMPTY = OutputStorage(2, "NEAR_EMPTY", None, 0, 0.1)
FAR = OutputStorage(3, "FAR", None, 50, 0.0)
SECOND_CHOICE = OutputStorage(4, "SECOND", 1, 100, 0.9)
FIRST_CHOICE = OutputStorage(5, "FIRST", 0, 100, 0.9)


def names(*found: OutputStorage, job: str = "1.0@pool") -> list[str]:
    return [storage.name for storage in output_storages.order(found, job)]


def test_choices_come_before_near_and_near_before_far() -> None:
    expected = ["FIRST", "SECOND", "NEAR_EMPTY", "NEAR", "FAR"]
    assert names(FAR, NEAR, SECOND_CHOICE, NEAR_EMPTY, FIRST_CHOICE) == expected


def test_equals_are_spread_over_jobs_and_steady_for_each() -> None:
    equals = [OutputStorage(number, f"S{number}", None, 0, 0.5) for number in range(5)]
    assert len({names(*equals, job=f"{job}.0@pool")[0] for job in range(50)}) > 1
    assert names(*equals) == names(*reversed(equals))

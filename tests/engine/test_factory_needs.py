"""How many jobs a stage could use: by what waits, what runs, and how its jobs went."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import factory_needs
from engine.factory_needs import Rates, Spare
from engine.settings import Factory
from tests.support.demands import make_demand

LIMITS = Factory()
ONE_EACH = Rates(1.0, 1.0)


def seen(good: int, ended: int, files: int = 0, fruitful: int | None = None, **values: Any) -> Rates:
    fruitful = good if fruitful is None else fruitful
    stage = make_demand(good_jobs=good, ended_jobs=ended, processed_files=files, fruitful_jobs=fruitful, **values)
    return factory_needs.rates(stage, LIMITS)


def test_what_is_taken_for_granted_holds_until_jobs_show_another_thing() -> None:
    assert seen(good=0, ended=0) == ONE_EACH
    assert seen(good=50, ended=50, files=50) == ONE_EACH
    assert seen(good=5, ended=5, files=35) == Rates(4.0, 1.0)
    assert seen(good=5, ended=15, files=5) == Rates(1.0, 0.5)


def test_a_good_job_that_found_no_file_says_nothing_of_files_per_job() -> None:
    assert seen(good=10, ended=10, files=35, fruitful=5) == Rates(4.0, 1.0)


def test_a_job_processes_no_more_files_than_it_may_have() -> None:
    assert seen(good=50, ended=50, files=50 * 20, max_files_per_job=3).files_per_job == 3


def test_however_many_jobs_fail_there_is_a_floor() -> None:
    assert seen(good=0, ended=50).success_rate == LIMITS.lowest_success


@pytest.mark.parametrize(
    ("values", "rates", "expected"),
    [
        ({"waiting_files": 0}, ONE_EACH, 0),
        ({"waiting_files": 7}, ONE_EACH, 7),
        ({"waiting_files": 7}, Rates(3.0, 1.0), 3),
        ({"waiting_files": 7}, Rates(1.0, 0.5), 14),
        ({"waiting_files": 1}, Rates(1.0, 0.6), 1),
        ({"waiting_files": 7}, Rates(3.0, 0.6), 5),
        ({"waiting_files": 7, "running_jobs": 3, "unasked_jobs": 2}, ONE_EACH, 5),
        ({"waiting_files": 7, "running_jobs": 3}, Rates(3.0, 1.0), 2),
        ({"waiting_files": 7, "running_jobs": 7}, Rates(3.0, 1.0), 0),
        ({"waiting_files": 7, "running_jobs": 9, "unasked_jobs": 9}, ONE_EACH, 0),
    ],
)
def test_jobs_that_will_take_files_count(values: dict[str, Any], rates: Rates, expected: int) -> None:
    assert factory_needs.useful_jobs(make_demand(**values), rates) == expected


counts = st.integers(0, 10_000)


@given(waiting=counts, running=counts, unasked=counts, files=st.floats(0.1, 100), success=st.floats(0.01, 1))
def test_no_more_jobs_are_of_use_than_files_ask_for(
    waiting: int, running: int, unasked: int, files: float, success: float
) -> None:
    stage = make_demand(waiting_files=waiting, running_jobs=running, unasked_jobs=unasked)
    useful = factory_needs.useful_jobs(stage, Rates(files, success))
    assert 0 <= useful <= (waiting / files + 1) / success


@given(good=counts, bad=counts, files=counts, most=st.integers(1, 100))
def test_rates_stay_within_their_bounds(good: int, bad: int, files: int, most: int) -> None:
    rates = seen(good, good + bad, files, max_files_per_job=most)
    assert 0 < rates.files_per_job <= most
    assert LIMITS.lowest_success <= rates.success_rate <= 1


def spare_of(useful: int = 2, **values: Any) -> Spare:
    return Spare.of(make_demand(9, **({"queued_jobs": 5, "queued_sites": ["A"]} | values)), useful)


def test_jobs_that_a_stage_has_no_use_for_serve_others_whose_jobs_would_run_at_the_same_sites() -> None:
    spares = [spare_of(queued_sites=["A", "B"])]
    stage = make_demand(waiting_files=10)
    for others in (["B"], ["A", "B", "C"], []):
        assert factory_needs.borrow(spares, stage, others, wanted=10) == 0
    assert factory_needs.borrow(spares, stage, ["B", "A"], wanted=1) == 1
    assert factory_needs.borrow(spares, stage, ["A", "B"], wanted=10) == 2
    assert factory_needs.borrow(spares, stage, ["A", "B"], wanted=10) == 0
    assert spares[0].lent == 3


@pytest.mark.parametrize(
    "values",
    [
        *({"quota_id": 2}, {"processors": 2}, {"rss_bytes": 1}, {"wall_seconds": 7}, {"gpus": 1}, {"image": "x"}),
        *({"classads": {"USER_x": "1"}}, {"gpu_model": "A100"}),
    ],
)
def test_jobs_serve_stages_of_their_class_alone(values: dict[str, Any]) -> None:
    assert factory_needs.borrow([spare_of()], make_demand(waiting_files=10, **values), ["A"], wanted=10) == 0


def test_nothing_is_spared_of_which_nobody_knows_where_it_may_run() -> None:
    assert spare_of(queued_sites=[]).jobs == 0


def test_jobs_that_a_stage_may_not_run_are_spared() -> None:
    assert spare_of(useful=5, max_jobs=3, running_jobs=2).jobs == 4
    assert spare_of(useful=5, max_jobs=3, running_jobs=4).jobs == 5

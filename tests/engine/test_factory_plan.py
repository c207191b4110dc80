"""The plan of the job factory: what each limit does at its edge, and that none is ever passed."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import factory_plan
from engine.factory_plan import StagePlan
from engine.settings import Factory
from justin.states import FactoryLimit
from models.demand import Place, StageDemand
from tests.support.demands import ANYWHERE, make_demand

LONG, NOW = 1800.0, 0.0
WIDE = Factory()


def plan(
    *stages: StageDemand, limits: Factory = WIDE, places: Any = ANYWHERE, why_to_wait: str = ""
) -> list[StagePlan]:
    return factory_plan.plan(stages, {stage.stage_id: places for stage in stages}, limits, why_to_wait)


def told(*stages: StageDemand, **options: Any) -> list[tuple[int, FactoryLimit]]:
    return [(each.submit, each.limited_by) for each in plan(*stages, **options)]


def test_a_stage_gets_what_it_wants_and_no_more() -> None:
    assert told(make_demand(waiting_files=5, queued_jobs=2)) == [(3, FactoryLimit.AS_WANTED)]
    assert told(make_demand(waiting_files=2, queued_jobs=2)) == [(0, FactoryLimit.NOTHING_WANTED)]
    assert told(make_demand()) == [(0, FactoryLimit.NOTHING_WANTED)]


UNTRIED: dict[str, Any] = {"good_jobs": 0, "ended_jobs": 0, "fruitful_jobs": 0, "processed_files": 0}


def waited(oldest: float, last_start: float | None) -> dict[str, Any]:
    return {"queued_jobs": 5, "oldest_queued_seconds": oldest, "last_start_seconds": last_start}


@pytest.mark.parametrize(
    ("values", "limits", "expected"),
    [
        (UNTRIED, {}, (10, FactoryLimit.FIRST_WAVE)),
        (UNTRIED | {"running_jobs": 4, "queued_jobs": 3}, {}, (3, FactoryLimit.FIRST_WAVE)),
        (UNTRIED | {"running_jobs": 11}, {}, (0, FactoryLimit.FIRST_WAVE)),
        (UNTRIED | {"ended_jobs": 10}, {"first_wave": 4}, (4, FactoryLimit.FIRST_WAVE)),
        (UNTRIED, {"first_wave": 1000}, (200, FactoryLimit.IDLE_CAP)),
        ({}, {}, (200, FactoryLimit.IDLE_CAP)),
        ({"queued_jobs": 199}, {}, (1, FactoryLimit.IDLE_CAP)),
        ({"queued_jobs": 200}, {}, (0, FactoryLimit.IDLE_CAP)),
        ({"queued_jobs": 201}, {}, (0, FactoryLimit.IDLE_CAP)),
        ({"max_jobs": 50, "running_jobs": 20, "queued_jobs": 29}, {}, (1, FactoryLimit.STAGE_CAP)),
        ({"max_jobs": 50, "running_jobs": 50}, {}, (0, FactoryLimit.STAGE_CAP)),
        ({"quota_max_jobs": 100, "quota_jobs": 99}, {}, (1, FactoryLimit.QUOTA)),
        ({"quota_max_jobs": 100, "quota_jobs": 120}, {}, (0, FactoryLimit.QUOTA)),
        ({"queued_jobs": 90}, {"max_idle_per_site": 100}, (10, FactoryLimit.SITE_CAP)),
        ({"all_queued_jobs": 9_990}, {}, (10, FactoryLimit.POOL_CAP)),
        ({"all_queued_jobs": 20_000}, {}, (0, FactoryLimit.POOL_CAP)),
        ({}, {"max_submit_per_cycle": 7}, (7, FactoryLimit.CYCLE_CAP)),
        (waited(LONG - 1, None), {}, (195, FactoryLimit.IDLE_CAP)),
        (waited(LONG, LONG - 1), {}, (195, FactoryLimit.IDLE_CAP)),
        (waited(LONG, None), {}, (0, FactoryLimit.NOT_STARTING)),
        (waited(LONG, LONG), {}, (0, FactoryLimit.NOT_STARTING)),
    ],
)
def test_each_limit_holds_at_its_edge(
    values: dict[str, Any], limits: dict[str, Any], expected: tuple[int, Any]
) -> None:
    (found,) = plan(make_demand(**({"waiting_files": 1000} | values)), limits=Factory(**limits))
    assert (found.submit, found.limited_by) == expected
    assert found.sentence


def test_a_slow_rucio_and_a_stage_without_a_place_say_so() -> None:
    (found,) = plan(make_demand(waiting_files=5), why_to_wait="Rucio is slow.")
    assert (found.submit, found.wanted, found.sentence) == (0, 5, "Rucio is slow.")
    assert told(make_demand(waiting_files=5), places=()) == [(0, FactoryLimit.NO_PLACE)]
    assert told(make_demand(waiting_files=0, files_wait=True)) == [(0, FactoryLimit.NO_PLACE)]


def test_those_who_come_first_have_the_first_choice() -> None:
    first, second = make_demand(1, waiting_files=30), make_demand(2, waiting_files=30)
    assert told(first, second, limits=Factory(max_submit_per_cycle=40)) == [
        (30, FactoryLimit.AS_WANTED),
        (10, FactoryLimit.CYCLE_CAP),
    ]


def test_stages_of_one_quota_share_it() -> None:
    stages = [make_demand(number, waiting_files=30, quota_max_jobs=50, quota_jobs=10) for number in (1, 2)]
    assert told(*stages) == [(30, FactoryLimit.AS_WANTED), (10, FactoryLimit.QUOTA)]


def test_a_pool_that_starts_nothing_gets_a_first_wave_for_each_stage() -> None:
    stuck = make_demand(1, waiting_files=300, queued_jobs=3, oldest_queued_seconds=LONG, last_start_seconds=None)
    fresh = make_demand(2, waiting_files=300, last_start_seconds=None)
    assert told(stuck, fresh) == [(0, FactoryLimit.NOT_STARTING), (10, FactoryLimit.POOL_NOT_STARTING)]
    started = make_demand(3, last_start_seconds=NOW)
    assert told(stuck, fresh, started)[1] == (200, FactoryLimit.IDLE_CAP)


def test_jobs_go_where_the_idle_ones_could_not_have_started() -> None:
    stuck = {"waiting_files": 300, "oldest_queued_seconds": LONG, "last_start_seconds": None, "queued_jobs": 5}
    (found,) = plan(make_demand(1, **stuck, queued_sites=["A"]), make_demand(2, last_start_seconds=None))[:1]
    assert (found.submit, found.sites) == (5, ["B"]), "the pool starts nothing: a first wave"
    moving = make_demand(2, last_start_seconds=NOW)
    (found,) = plan(make_demand(1, **stuck, queued_sites=["A"]), moving)[:1]
    assert (found.submit, found.sites, found.limited_by) == (10, ["B"], FactoryLimit.NOT_STARTING)
    assert told(make_demand(1, **stuck, queued_sites=[]), moving)[0] == (0, FactoryLimit.NOT_STARTING)


def test_full_sites_and_entries_are_left_out() -> None:
    places = (Place("A", ("A_1", "A_2")), Place("B", None), Place("C", ("C_1",)))
    queued = make_demand(1, waiting_files=90, queued_jobs=90, queued_sites=["B", "C"], queued_entries=["C_1", "A_2"])
    limits = Factory(max_idle_per_site=100, max_idle_per_entry=95)
    (found,) = plan(queued, make_demand(2, waiting_files=20), limits=limits, places=places)[1:]
    assert (found.submit, found.sites, found.entries, found.open_sites) == (20, ["A"], ["A_1"], [])
    (found,) = plan(queued, make_demand(2, waiting_files=8), limits=limits, places=places)[1:]
    assert (found.sites, found.entries, found.open_sites) == (["A", "B"], ["A_1"], ["B"])
    full = Factory(max_idle_per_site=100, max_idle_per_entry=90)
    (found,) = plan(queued, make_demand(2, waiting_files=8), limits=full, places=places[2:])[1:]
    assert (found.submit, found.limited_by) == (0, FactoryLimit.ENTRY_CAP)


def test_jobs_of_a_stage_that_lacks_files_are_counted_on_by_another() -> None:
    done, lacking = make_demand(1, queued_jobs=8), make_demand(2, waiting_files=10)
    first, second = plan(done, lacking)
    assert (second.wanted, second.submit) == (2, 2)
    assert (first.use.lent, second.use.lent) == (8, 0)


names = st.sampled_from("ABCD")
a_place = st.builds(
    lambda site, entries: Place(site, None if entries is None else tuple(f"{site}_{each}" for each in sorted(entries))),
    names,
    st.none() | st.sets(st.integers(1, 3), min_size=1),
)
seconds = st.none() | st.floats(0, 2 * LONG)
small = st.integers(0, 60)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[StageDemand], dict[int, list[Place]]]:
    """Draw stages in every condition, whose counts agree with each other."""
    stages: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 6))):
        queued = draw(small)
        ended, good = draw(small), draw(small)
        stages.append({
            "waiting_files": draw(st.integers(0, 2000)),
            "queued_jobs": queued,
            "oldest_queued_seconds": draw(st.floats(0, 2 * LONG)) if queued else None,
            "last_start_seconds": draw(seconds),
            "running_jobs": draw(small),
            "unasked_jobs": draw(small),
            "ended_jobs": max(ended, good),
            "good_jobs": good,
            "fruitful_jobs": good,
            "processed_files": good * draw(st.integers(0, 5)),
            "max_jobs": draw(st.none() | small),
            "quota_id": draw(st.integers(1, 2)),
            "queued_sites": sorted(draw(st.sets(names))) if queued else [],
        })  # fmt: skip
    of_quota = {quota: sum(s["queued_jobs"] for s in stages if s["quota_id"] == quota) for quota in (1, 2)}
    most = {quota: draw(st.integers(0, 300)) for quota in (1, 2)}
    of_pool = sum(s["queued_jobs"] for s in stages)
    made = [
        make_demand(
            number, **values, all_queued_jobs=of_pool,
            quota_jobs=of_quota[values["quota_id"]], quota_max_jobs=most[values["quota_id"]],
        )
        for number, values in enumerate(stages)
    ]  # fmt: skip
    places = st.lists(a_place, max_size=4, unique_by=lambda place: place.site)
    return made, {stage.stage_id: draw(places) for stage in made}


limits_of_any_kind = st.builds(
    Factory,
    max_submit_per_cycle=st.integers(1, 300),
    max_idle=st.integers(1, 300),
    max_idle_per_stage=st.integers(1, 100),
    max_idle_per_site=st.integers(1, 100),
    max_idle_per_entry=st.integers(1, 100),
    first_wave=st.integers(1, 20),
)


@given(world=worlds(), limits=limits_of_any_kind)
def test_no_limit_is_ever_passed(world: tuple[list[StageDemand], dict[int, list[Place]]], limits: Factory) -> None:
    stages, places = world
    plans = factory_plan.plan(stages, places, limits)
    sites, entries, quotas = Counter[str](), Counter[str](), Counter[int]()
    for stage in stages:
        sites.update(dict.fromkeys(stage.queued_sites, stage.queued_jobs))
        quotas[stage.quota_id] = stage.quota_jobs
    for each in plans:
        stage, under_way = each.stage, each.stage.queued_jobs + each.stage.running_jobs
        assert 0 <= each.submit <= each.wanted
        if not each.submit:
            continue
        assert set(each.sites) <= {place.site for place in places[stage.stage_id]}
        assert each.sites
        assert each.entries or each.open_sites
        assert each.submit + stage.queued_jobs <= limits.max_idle_per_stage
        assert stage.max_jobs is None or each.submit + under_way <= stage.max_jobs
        assert stage.good_jobs or each.submit + under_way <= limits.first_wave
        sites.update(dict.fromkeys(each.sites, each.submit))
        entries.update(dict.fromkeys(each.entries, each.submit))
        quotas[stage.quota_id] += each.submit
        assert quotas[stage.quota_id] <= stage.quota_max_jobs
        assert max(sites[site] for site in each.sites) <= limits.max_idle_per_site
        assert max([entries[entry] for entry in each.entries], default=0) <= limits.max_idle_per_entry
    submitted = sum(each.submit for each in plans)
    assert submitted <= limits.max_submit_per_cycle
    assert not submitted or submitted + stages[0].all_queued_jobs <= limits.max_idle
    assert all(0 <= each.use.lent <= each.stage.queued_jobs for each in plans)


@given(world=worlds(), limits=limits_of_any_kind)
def test_what_limits_a_stage_is_said(world: tuple[list[StageDemand], dict[int, list[Place]]], limits: Factory) -> None:
    for each in factory_plan.plan(*world, limits):
        assert each.sentence.endswith(".")
        content = each.limited_by in {FactoryLimit.AS_WANTED, FactoryLimit.NOTHING_WANTED}
        assert content == (each.submit == each.wanted) or each.limited_by is FactoryLimit.NO_PLACE

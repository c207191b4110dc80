"""The rules of distances, one by one and in their order."""

import pytest

from engine import distances
from engine.settings import DISTANCE_RULES, DistanceRule
from models.distances import SitePlace, StoragePlace

SITE = SitePlace(1, "US_FNAL-T1", "US", "North America")


def storage(name: str = "SOME", site: str = "", country: str = "", region: str = "") -> StoragePlace:
    return StoragePlace(1, name, site, country, region)


@pytest.mark.parametrize(
    ("of", "distance"),
    [
        (storage(site="US_FNAL-T1", country="US", region="North America"), 0),
        (storage(site="US_FNAL-FermiGrid", country="US", region="North America"), 10),
        (storage(site="US_BNL", country="US", region="North America"), 20),
        (storage(site="CA_SFU", country="CA", region="North America"), 30),
        (storage(site="CH_CERN", country="CH", region="Europe"), 90),
        (storage(site="UK_RAL", country="UK", region="Europe"), 100),
        (storage(), 100),
        (storage("MONTECARLO"), 0),
    ],
)
def test_the_first_rule_that_holds_counts(of: StoragePlace, distance: int) -> None:
    assert distances.between(SITE, of, DISTANCE_RULES) == distance


def test_what_is_not_known_is_like_nothing() -> None:
    assert distances.between(SitePlace(1, "Nowhere", "", ""), storage(), DISTANCE_RULES) == 100


def test_a_rule_of_one_s_own_may_say_never() -> None:
    rules = [DistanceRule(site="US_FNAL*", storage="NERSC*", distance=101), *DISTANCE_RULES]
    assert distances.between(SITE, storage("NERSC_DISK", country="US"), rules) == 101
    assert distances.between(SITE, storage("BNL_DISK", country="US"), rules) == 20

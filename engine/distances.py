"""How far a storage is from a site: the first rule of the settings that holds for the two."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Final

from engine.runtime import Runtime
from engine.settings import DistanceRule
from models import distances, seed, storages
from models.distances import RuledDistance, SitePlace, StoragePlace
from models.places import FARTHEST
from models.seed import MONTE_CARLO_STORAGE


def refresh(runtime: Runtime) -> int:
    """Apply the rules to every site and storage, and return for how many pairs they say something new."""
    rules = runtime.settings.sites.distances
    with runtime.session() as session:
        # Of a storage and its site, either may be learned of first.
        storages.link(session)
        seed.ensure_monte_carlo(session)
        sites, stores = distances.sites(session), distances.storages(session)
        ruled = [
            RuledDistance(site.site_id, storage.storage_id, between(site, storage, rules))
            for site in sites
            for storage in stores
        ]
        return distances.put(session, ruled)


def between(site: SitePlace, storage: StoragePlace, rules: Sequence[DistanceRule]) -> int:
    """Return how far a storage is from a site; Monte Carlo counters are beside every site."""
    if storage.name == MONTE_CARLO_STORAGE:
        return 0
    return next((rule.distance for rule in rules if _holds(rule, site, storage)), FARTHEST)


def _holds(rule: DistanceRule, site: SitePlace, storage: StoragePlace) -> bool:
    return (
        fnmatchcase(site.name, rule.site)
        and fnmatchcase(storage.name, rule.storage)
        and fnmatchcase(storage.site, rule.storage_site)
        and (not rule.same or _SAME[rule.same](site, storage))
    )


def _alike(one: str, other: str) -> bool:
    """Say whether two names are the same; what is not known is like nothing."""
    return bool(one) and one == other


def _prefix(name: str) -> str:
    return name.partition("-")[0]


_SAME: Final[dict[str, Callable[[SitePlace, StoragePlace], bool]]] = {
    "site": lambda site, storage: _alike(site.name, storage.site),
    "prefix": lambda site, storage: _alike(_prefix(site.name), _prefix(storage.site)),
    "country": lambda site, storage: _alike(site.country, storage.country),
    "region": lambda site, storage: _alike(site.region, storage.region),
}

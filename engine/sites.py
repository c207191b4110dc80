"""Sites and their entries: what the pilot factories are configured for, what the settings add, and how far all is."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine import distances
from engine.pilots import PilotConfiguration, PilotEntry
from engine.runtime import Runtime
from engine.settings import ExtraEntry
from models import entries
from models.entries import SeenEntry, SeenSite

LOG = logging.getLogger(__name__)

SETTINGS = "settings"
"""The source of entries that the settings add."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A thing in the configuration that could not be understood."""

    problem: str


@dataclass(frozen=True, slots=True)
class SitesUpdated:
    """What a cycle learned of sites."""

    version: str
    """Of the pilot factories' configuration: its commit."""
    sites: int
    entries: int
    new_sites: int = 0
    new_entries: int = 0
    forgotten_entries: tuple[str, ...] = ()
    retired_sites: tuple[str, ...] = ()
    new_distances: int = 0
    problems: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Say whether anything was done."""
        changes = (self.new_sites, self.new_entries, self.forgotten_entries, self.retired_sites, self.new_distances)
        return any(changes) or bool(self.problems)


def update_sites(runtime: Runtime) -> SitesUpdated:
    """Read the configuration of the pilot factories and write down sites, entries and distances.

    What is configured no more is forgotten after a while. Raises `Unavailable` when there is nothing to be read:
    then nothing is forgotten either.
    """
    settings = runtime.settings.sites
    found = runtime.factories.read()
    for problem in found.problems:
        LOG.info("%s", problem)
    if found.problems:
        LOG.warning("%s problems in the configuration of the pilot factories", len(found.problems))
    wanted = _together(found.entries, settings.extra_entries)
    updated = _write(runtime, found, wanted)
    LOG.info("%s entries at %s sites are configured", updated.entries, updated.sites)
    return updated


def _together(found: Iterable[PilotEntry], extra: Iterable[ExtraEntry]) -> list[PilotEntry]:
    """Add the entries of the settings, which count where both have a name."""
    added = {entry.name: PilotEntry(source=SETTINGS, **entry.model_dump()) for entry in extra}
    return [*(entry for entry in found if entry.name not in added), *added.values()]


def _write(runtime: Runtime, found: PilotConfiguration, wanted: Sequence[PilotEntry]) -> SitesUpdated:
    settings = runtime.settings.sites
    sites = _sites(wanted, settings.regions)
    with runtime.session() as session:
        new_sites = entries.put_sites(session, sites)
        new_entries = entries.put_entries(session, [_seen(entry) for entry in wanted])
        forgotten = entries.forget_entries(session, settings.forget_after_seconds, found.unread)
        retired = entries.retire_sites(session, settings.forget_after_seconds)
    return SitesUpdated(
        version=found.version,
        sites=len(sites),
        entries=len(wanted),
        new_sites=new_sites,
        new_entries=new_entries,
        forgotten_entries=tuple(forgotten),
        retired_sites=tuple(retired),
        new_distances=distances.refresh(runtime),
        problems=found.problems,
    )


def _sites(wanted: Iterable[PilotEntry], regions: Mapping[str, str]) -> list[SeenSite]:
    """List the sites that entries name, each in the country that the first entry with one says."""
    countries: dict[str, str] = {}
    for entry in wanted:
        countries[entry.site] = countries.get(entry.site) or entry.country
    return [
        SeenSite(site, country := known or _country(site, regions), regions.get(country, ""))
        for site, known in sorted(countries.items())
    ]


def _country(site: str, regions: Mapping[str, str]) -> str:
    """Read the country from a site's name, such as `UK_Manchester`; only countries of the settings are believed."""
    country, separator, _ = site.partition("_")
    return country if separator and country in regions else ""


def _seen(entry: PilotEntry) -> SeenEntry:
    return SeenEntry(
        name=entry.name,
        site=entry.site,
        source=entry.source,
        enabled=entry.enabled,
        processors=entry.processors,
        rss_bytes=entry.rss_bytes,
        wall_seconds=entry.wall_seconds,
        gpus=entry.gpus,
        gpus_always=entry.gpus_always,
        configuration=entry.configuration,
    )

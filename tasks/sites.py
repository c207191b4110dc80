"""Prefect tasks around `engine.sites`."""

from prefect import task

from engine import sites, wiring
from engine.sites import SitesUpdated


@task(name="update-sites", tags=["pilot-factories"])
def update_sites() -> SitesUpdated:
    """Read the configuration of the pilot factories, and work out how far storages are."""
    return sites.update_sites(wiring.current())

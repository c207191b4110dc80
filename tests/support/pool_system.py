"""The whole system on a real HTCondor pool, with a network to the allocator that tests may cut."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from engine.settings import Pool as PoolSettings
from localgrid import apptainer, condor
from localgrid.errors import GridError
from scripts.servers import ALLOCATOR
from tests.support.condor import OwnCondor
from tests.support.network import Link, link
from tests.support.system import System, Wanted, running

SLOTS_PER_SITE = 4
CONTAINERS_AT = ("CH_CERN", "UK_Manchester")

SETTINGS = {
    # A pool that does not answer is known to be away before a test gives up.
    "JUSTIN_POOL__TIMEOUT_SECONDS": "5",
    # The jobs of a pool that was stopped are known by their silence alone.
    "JUSTIN_WATCH__STALLED_AFTER_SECONDS": "30",
    # Jobs that tests end are not the fault of the node, and there is but one.
    "JUSTIN_NODES__FAILED_JOBS": "100000",
}


@dataclass(frozen=True)
class PoolSystem:
    """A running system, the pool that it submits to, and the network by which jobs reach its allocator."""

    system: System
    pool: OwnCondor
    network: Link

    def require_containers(self) -> None:
        """Skip the test where there can be no containers."""
        why = _no_containers()
        if why:
            pytest.skip(f"there can be no Apptainer here: {why}")


@pytest.fixture(scope="session")
def pool_system() -> Iterator[PoolSystem]:
    """A running system on a pool; its tests run one after the other and leave no job behind."""
    why = condor.obstacle()
    if why:
        pytest.skip(f"there can be no HTCondor here: {why}")
    with link() as network:
        url = f"http://127.0.0.1:{network.port}/api/allocator/"
        settings = {**SETTINGS, "JUSTIN_ALLOCATOR__URL": url}
        wanted = Wanted(
            pool="condor",
            slots_per_site=SLOTS_PER_SITE,
            fast=True,
            settings=settings,
            containers_at=() if _no_containers() else CONTAINERS_AT,
        )
        with running(wanted) as system:
            network.leads_to = system.servers.ports[ALLOCATOR]
            yield PoolSystem(system, _pool(system), network)


@cache
def _no_containers() -> str:
    """Build Apptainer where it can be had, and return why it cannot."""
    why = apptainer.obstacle()
    if not why:
        try:
            apptainer.build()
        except GridError as error:
            return str(error)
    return why


def _pool(system: System) -> OwnCondor:
    pool = system.grid.condor
    settings = PoolSettings(kind="condor", collector=pool.collector, token_directory=pool.token_directory)
    return OwnCondor(system.grid.directory, pool, settings)

"""The whole system on a real HTCondor pool, with a network to the allocator that tests may cut."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from engine.settings import Pool as PoolSettings
from localgrid import condor
from scripts.servers import ALLOCATOR
from tests.support.condor import OwnCondor
from tests.support.network import Link, link
from tests.support.system import System, Wanted, running

SLOTS_PER_SITE = 4

SETTINGS = {
    # A pool that does not answer is known to be away before a test gives up.
    "JUSTIN_POOL__TIMEOUT_SECONDS": "5",
    # Jobs that tests end are not the fault of the node, and there is but one.
    "JUSTIN_NODES__FAILED_JOBS": "100000",
}


@dataclass(frozen=True)
class PoolSystem:
    """A running system, the pool that it submits to, and the network by which jobs reach its allocator."""

    system: System
    pool: OwnCondor
    network: Link


@pytest.fixture(scope="session")
def pool_system() -> Iterator[PoolSystem]:
    """A running system on a pool; its tests run one after the other and leave no job behind."""
    why = condor.obstacle()
    if why:
        pytest.skip(f"there can be no HTCondor here: {why}")
    with link() as network:
        url = f"http://127.0.0.1:{network.port}/api/allocator/"
        settings = {**SETTINGS, "JUSTIN_ALLOCATOR__URL": url}
        wanted = Wanted(pool="condor", slots_per_site=SLOTS_PER_SITE, fast=True, settings=settings)
        with running(wanted) as system:
            network.leads_to = system.servers.ports[ALLOCATOR]
            yield PoolSystem(system, _pool(system), network)


def _pool(system: System) -> OwnCondor:
    pool = system.grid.condor
    settings = PoolSettings(kind="condor", collector=pool.collector, token_directory=pool.token_directory)
    return OwnCondor(system.grid.directory, pool, settings)

"""Probes on real storages: a job for each site reads and writes them, and a storage that fails is not offered there."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from engine import probes
from engine.runtime import Runtime
from engine.settings import Probes
from justin.schemas.views import ProbeView
from justin.states import ProbeState
from localgrid.pool import alone
from localgrid.sites import SITES
from models.queries import probes as found_by_probes
from tests.support.single_jobs import Chain, chain

pytestmark = pytest.mark.system

HOURS = 3600.0
EVERYWHERE = {(site.name, other.rse) for site in SITES for other in SITES}

TAKE_ALL = r"""#!/bin/bash
while did_pfn_rse=$($JUSTIN_PATH/justin-get-file) ; do
  echo "$did_pfn_rse" | cut -f1 -d' ' >> justin-processed-dids.txt
done
exit 0
"""


@pytest.fixture
def probing(grid_runtime: Runtime) -> Iterator[Chain]:
    """A chain whose probes are due all the time, in a scope that no other test has."""
    settings = grid_runtime.settings
    # Rucio takes scopes of at most 25 characters.
    own = Probes(every_seconds=1e-6, scope=f"probes-{settings.instance}".lower())
    with chain(replace(grid_runtime, settings=settings.model_copy(update={"probes": own}))) as made:
        yield made


def probe_all(probing: Chain) -> None:
    """Submit the probes that are due, and run each at its site."""
    directory = probing.runtime.settings.pool.directory
    probes.submit_probes(probing.runtime)
    for job in alone.take_jobs(directory):
        (site,) = job.order.sites
        ran = alone.run_job(directory, job, site)
        assert ran.exit_status == 0, ran.log
        assert f"==awt== {site} " in ran.log


def matrix(probing: Chain) -> dict[tuple[str, str], ProbeView]:
    with probing.runtime.session() as session:
        found = found_by_probes.matrix(session, 48 * HOURS)
    return {(each.site, each.storage): each for each in found}


def test_the_first_probes_write_what_later_ones_read(probing: Chain) -> None:
    probe_all(probing)

    first = matrix(probing)
    assert first.keys() == EVERYWHERE
    assert {each.state for each in first.values()} == {ProbeState.BOTH}, first

    probe_all(probing)

    second = matrix(probing)
    assert {each.state for each in second.values()} == {ProbeState.BOTH}, second
    assert {each.jobsub_id for each in second.values()}.isdisjoint({each.jobsub_id for each in first.values()})

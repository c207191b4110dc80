"""Catalogues that are away while a workflow runs: once they are back all is registered, once, and no book is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import pytest
from metacat.webapi import MetaCatClient

from engine import reconciler, wiring
from engine.reconciler import Reconciled
from engine.runtime import Runtime
from engine.settings import Settings
from justin.schemas.specs import OutputSpec, StageSpec, WorkflowSpec
from justin.states import Integrity
from tests.support import books
from tests.support.failing_proxy import failing
from tests.support.system import AGENTS, System
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

COUNTERS = 6
DAY_SECONDS = 86_400
METACAT = "metacat"

JOBSCRIPT = r"""#!/bin/sh
did_pfn_rse=$("$JUSTIN_PATH/justin-get-file")
[ "$did_pfn_rse" ] || exit 0
number=$(echo "$did_pfn_rse" | cut -f2 -d' ')
echo "made from $number" > "$number-w$JUSTIN_WORKFLOW_ID.out" || exit 1
echo "$did_pfn_rse" | cut -f1 -d' ' > justin-processed-dids.txt
"""

# What Rucio is told of outputs: first, in the middle, and last.
CALLS = ("POST /rules/", "POST /replicas", "POST /dids/attachments")

WAITING: LiteralString = "SELECT last_error FROM outbox WHERE workflow_id = %s AND state = 'waiting'"


def counting() -> WorkflowSpec:
    """A workflow whose inputs MetaCat need not find."""
    stage = StageSpec(
        jobscript=JOBSCRIPT,
        outputs=[OutputSpec(pattern="*.out", destination="outage", lifetime_days=1)],
        wall_seconds=300,
        rss_mib=500,
        max_distance=100,
        max_files_per_job=1,
        max_allocations=20,
    )
    return WorkflowSpec(mql=f"monte-carlo {COUNTERS}", stages=[stage])


def test_what_ran_while_the_catalogues_were_away_is_registered_once(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failing(system.grid.ports["rucio"], every=3) as rucio:
        with system.changed(JUSTIN_RUCIO__URL=rucio.url, JUSTIN_OUTPUTS__BATCH="2") as troubled:
            troubled.kill(METACAT)
            workflow_id = troubled.submit(counting())
            wait_until(lambda: all_wait_for_metacat(system, workflow_id), seconds=120, pause_seconds=0.2)
            troubled.kill(AGENTS)
            for call in CALLS:
                with rucio.holding(call, f"-w{workflow_id}") as hold:
                    # The first time MetaCat too comes back.
                    troubled.start()
                    wait_until(hold.waits.is_set, seconds=120)
                    troubled.kill(AGENTS)
            troubled.start()
            troubled.finish(workflow_id)
        assert rucio.failed > COUNTERS
    check_books(system, workflow_id)
    with runtime_of(system, monkeypatch) as runtime:
        check_integrity(system, runtime, workflow_id)


def all_wait_for_metacat(system: System, workflow_id: int) -> bool:
    """Say whether all jobs have uploaded, and registering has been tried."""
    told = [row["last_error"] for row in system.rows.ask(WAITING, workflow_id)]
    return len(told) == COUNTERS and any("MetaCat does not answer" in error for error in told)


def check_books(system: System, workflow_id: int) -> None:
    """Everything is in every book, once, and nothing else is."""
    books.check_each_processed_once(system.rows, workflow_id)
    books.check_no_event_is_missing(system.rows, workflow_id)
    written = books.read(system.grid, system.rows, workflow_id, system.instance)
    written.check_files()
    written.check_datasets({"": DAY_SECONDS})
    wanted = {f"{number:06}-w{workflow_id}.out" for number in range(1, COUNTERS + 1)}
    assert set(written.outputs) == wanted
    found = MetaCatClient(system.grid.metacat_url, token_library=str(system.grid.directory / "no-tokens"))
    mql = f"datasets matching {books.SCOPE}:*{system.instance}-w{workflow_id}s1p1*"
    names = {each["name"] for each in found.query(mql)}
    assert names == set(written.metacat_datasets)


@contextmanager
def runtime_of(system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """Give what the system's own reconciler would work with, looking at all bytes."""
    for name, value in {**system.servers.environment(), "JUSTIN_RECONCILER__CHECKSUM_SHARE": "1"}.items():
        monkeypatch.setenv(name, value)
    runtime = wiring.assemble(Settings(), "justin-test")
    try:
        yield runtime
    finally:
        runtime.database.close()


def check_integrity(system: System, runtime: Runtime, workflow_id: int) -> None:
    """The reconciler finds nothing wrong."""
    system.client.check_workflow(workflow_id)
    while (report := reconciler.reconcile(runtime)).workflow_id != workflow_id:
        assert report, "it was not checked"
    assert report == Reconciled(workflow_id, "ok", COUNTERS)
    shown = system.client.integrity(workflow_id)
    assert (shown.badge, shown.findings) == (Integrity.OK, [])

"""Probes are submitted when they are due, with what Rucio says of the storages, and not while Rucio is slow."""

from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import select

from engine import probe_files, probes, pulses
from engine.errors import Unavailable
from engine.runtime import Runtime
from engine.settings import Probes
from justin.states import EventType
from localgrid.pool import alone
from localgrid.sites import SITES
from models import leases, seed
from models import pulses as measured
from models.jobs import Job
from models.places import Distance, ProbeJob
from models.pulses import Pulse
from models.records import Event
from tests.support.makers import make_site

PLACES = tuple(sorted(site.name for site in SITES))


def told(runtime: Runtime, **settings: Any) -> Runtime:
    """Make a runtime with other settings of probes, in a scope of its own."""
    own = Probes(**({"scope": f"probes-{runtime.settings.instance}"} | settings))
    return replace(runtime, settings=runtime.settings.model_copy(update={"probes": own}))


def trials(runtime: Runtime) -> list[dict[str, Any]]:
    with runtime.session() as session:
        probed = session.exec(select(ProbeJob)).all()
        return [trial["trial"] for probe in probed for trial in probe.trials or []]


def test_each_site_gets_one_small_job_and_no_second_one_soon(grid_runtime: Runtime) -> None:
    runtime = told(grid_runtime)
    assert probes.submit_probes(runtime).submitted == PLACES
    assert not probes.submit_probes(runtime)

    jobs = alone.take_jobs(runtime.settings.pool.directory)
    assert sorted(job.order.sites for job in jobs) == [[name] for name in PLACES]
    assert {(job.order.processors, job.order.memory_mib, job.order.gpus) for job in jobs} == {(1, 1024, 0)}
    with runtime.session() as session:
        kept = session.exec(select(Job)).all()
        assert {(job.is_probe, job.requested_rss_bytes, job.hint_stage_id) for job in kept} == {(True, 1 << 30, None)}


def test_a_probe_is_to_write_the_known_file_where_it_is_missing(grid_runtime: Runtime) -> None:
    runtime = told(grid_runtime)
    probes.submit_probes(runtime)
    found = trials(runtime)
    assert len(found) == len(SITES) ** 2
    _, _, name = probe_files.lasting_did(runtime.settings).partition(":")
    assert {(trial["read_url"], trial["keep"]) for trial in found} == {("", True)}
    assert all(target["url"].endswith(f"/{name}") for trial in found for target in trial["targets"])
    assert name.startswith(f"{runtime.settings.instance}-")


def test_probes_can_be_switched_off(grid_runtime: Runtime) -> None:
    assert not probes.submit_probes(told(grid_runtime, enabled=False))


def test_what_was_withheld_is_offered_when_its_reasons_are_gone(grid_runtime: Runtime) -> None:
    with grid_runtime.session() as session:
        for pair in session.exec(select(Distance)):
            pair.unreadable = pair.distance == 0
    report = probes.submit_probes(told(grid_runtime, enabled=False))
    assert "CERN is offered at CH_CERN" in report.changed
    with grid_runtime.session() as session:
        assert not [pair for pair in session.exec(select(Distance)) if pair.unreadable]
        assert {event.event_type for event in session.exec(select(Event))} == {EventType.STORAGE_OFFERED}


def test_a_slow_rucio_is_left_alone(grid_runtime: Runtime) -> None:
    with grid_runtime.session() as session:
        measured.put(session, pulses.RUCIO, Pulse(answered=True, seconds=30.0))
    with pytest.raises(Unavailable, match="slow"):
        probes.submit_probes(told(grid_runtime))
    assert trials(grid_runtime) == []
    with grid_runtime.session() as session:
        assert leases.take(session, probes.ACTOR, "next", 1.0), "the next cycle may try at once"


def test_without_rucio_no_probe_goes(runtime: Runtime) -> None:
    with runtime.session() as session:
        make_site(session)
    with pytest.raises(Unavailable):
        probes.submit_probes(runtime)
    with runtime.session() as session:
        assert session.exec(select(Job)).all() == []


def test_of_two_cycles_at_once_one_submits(grid_runtime: Runtime) -> None:
    runtime = told(grid_runtime)
    with runtime.session() as session:
        leases.take(session, probes.ACTOR, "another cycle", 60.0)
    assert not probes.submit_probes(runtime)
    with runtime.session() as session:
        leases.release(session, probes.ACTOR, "another cycle")
    assert probes.submit_probes(runtime).submitted == PLACES


def test_a_storage_that_rucio_does_not_know_is_left_out(grid_runtime: Runtime) -> None:
    runtime = told(grid_runtime)
    with runtime.session() as session:
        seed.ensure_distance(session, seed.ensure_site(session, "CH_CERN"), seed.ensure_storage(session, "NOSUCH"), 0)
    assert probes.submit_probes(runtime).submitted == PLACES
    assert "NOSUCH" not in {trial["rse"] for trial in trials(runtime)}

"""Storages, limits and scopes learned from a real Rucio, and a Rucio that is spared while it is slow."""

import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from rucio.common.exception import RSENotFound
from sqlmodel import col, select

from engine import finder, pulses, storages
from engine.adapters.rucio_client import BoundedClient
from engine.errors import Unavailable
from engine.runtime import Runtime
from engine.settings import Replicas, Sites
from engine.settings import Rucio as RucioSettings
from localgrid.grid import Grid
from localgrid.sites import SCOPES, SERVICE_USER, SITES
from models import pulses as measured
from models import seed
from models.people import Quota, Scope
from models.places import AccountUsage, Distance, Site, Storage
from models.pulses import Pulse
from models.queries import places
from models.queries.storages import output_storages
from tests.support.makers import key, make_files, make_stage

TEBIBYTE = 1 << 40
SLOW = Pulse(answered=True, seconds=30.0)


def known(runtime: Runtime) -> dict[str, Storage]:
    with runtime.session() as session:
        return {storage.name: storage for storage in session.exec(select(Storage))}


def put_pulse(runtime: Runtime, pulse: Pulse) -> None:
    with runtime.session() as session:
        measured.put(session, pulses.RUCIO, pulse)


def drop(root: BoundedClient, name: str) -> None:
    """Take a storage out of Rucio."""
    with suppress(RSENotFound):
        root.delete_local_account_limit(SERVICE_USER, name)
        root.delete_rse(name)


@pytest.fixture
def root(grid: Grid, grid_environment: dict[str, str], tmp_path: Path) -> BoundedClient:
    """Rucio's own client, as the administrator."""
    secret = grid.directory / "secrets" / "rucio-root"
    url = grid_environment["JUSTIN_RUCIO__URL"]
    return BoundedClient(RucioSettings(url=url, account="root", username="root", password_file=secret), str(tmp_path))


@pytest.fixture
def storage(root: BoundedClient) -> Iterator[str]:
    """A tape storage that Rucio knows for the time of the test."""
    name = f"TAPE_{uuid.uuid4().hex[:8].upper()}"
    root.add_rse(name, deterministic=False, rse_type="TAPE", country_name="UK", availability_write=False)
    root.add_rse_attribute(name, "site", "UK_Manchester")
    domains = [{"lan": {"read": 1}, "wan": {"read": 2, "write": 1}}, {"wan": {"read": 1}}]
    for scheme, domain in zip(("root", "davs"), domains, strict=True):
        root.add_protocol(
            name,
            {
                "scheme": scheme,
                "hostname": "host",
                "port": 1094,
                "prefix": "/",
                "impl": "none.Default",
                "domains": domain,
            },
        )
    root.set_rse_usage(name, source="storage", used=TEBIBYTE, free=3 * TEBIBYTE)
    root.set_local_account_limit(SERVICE_USER, name, TEBIBYTE)
    yield name
    drop(root, name)


def test_storages_of_the_grid_are_as_rucio_has_them(grid_runtime: Runtime) -> None:
    updated = storages.update_storages(grid_runtime)

    found = known(grid_runtime)
    assert updated.storages >= len(SITES)
    assert 0 < updated.ping_seconds < 30
    for site in SITES:
        storage = found[site.rse]
        assert (storage.rucio_read, storage.rucio_write, storage.deterministic, storage.tape) == (
            True,
            True,
            True,
            False,
        )
        assert (storage.country, storage.total_bytes) == (site.country, TEBIBYTE)
        assert storage.protocols
        assert storage.protocols["wan"]["read"] == ["file"]
        assert storage.attributes
        assert storage.attributes["site"] == site.name
    with grid_runtime.session() as session:
        beside = session.exec(
            select(Site.name, Storage.name, Distance.distance)
            .select_from(Distance)
            .join(Site, col(Site.site_id) == Distance.site_id)
            .join(Storage, col(Storage.storage_id) == Distance.storage_id)
            .where(Storage.site_id == Site.site_id)
        ).all()
    assert {*beside} >= {(site.name, site.rse, 0) for site in SITES}
    assert not storages.update_storages(grid_runtime)


def test_a_storage_is_read_whole_and_retires_when_rucio_drops_it(
    grid_runtime: Runtime, storage: str, root: BoundedClient
) -> None:
    settings = grid_runtime.settings.model_copy(
        update={"replicas": Replicas(schemes=["root"]), "sites": Sites(regions={"UK": "Europe"})}
    )
    runtime = replace(grid_runtime, settings=settings)

    assert storages.update_storages(runtime).new_storages >= 1

    found = known(runtime)[storage]
    assert (found.tape, found.deterministic, found.rucio_read, found.rucio_write) == (True, False, True, False)
    assert (found.country, found.region, found.occupancy) == ("UK", "Europe", 0.25)
    assert found.protocols == {"lan": {"read": ["root"]}, "wan": {"read": ["davs", "root"], "write": ["root"]}}
    # The grid's own storages speak `file`, which the jobs of these settings do not.
    assert not known(runtime)["CERN"].rucio_read

    drop(root, storage)
    assert storages.update_storages(runtime).retired_storages == (storage,)
    gone = known(runtime)[storage]
    assert gone.retired_at
    assert not gone.rucio_read
    assert known(runtime)[seed.MONTE_CARLO_STORAGE].rucio_read


def test_usage_and_limits_of_a_quota_s_account(grid_runtime: Runtime, storage: str) -> None:
    with grid_runtime.session() as session:
        seed.ensure_quota(session, "nobody-in-rucio")
    storages.update_storages(grid_runtime)
    with grid_runtime.session() as session:
        rows = session.exec(
            select(Quota.name, Storage.name, AccountUsage).select_from(AccountUsage).join(Quota).join(Storage)
        ).all()
        shown = {view.name: view for view in places.list_storages(session)}
    found = {(quota, name): usage for quota, name, usage in rows}
    assert {quota for quota, _ in found} == {SERVICE_USER}
    assert (found[SERVICE_USER, storage].used_bytes, found[SERVICE_USER, storage].limit_bytes) == (0, TEBIBYTE)
    assert found[SERVICE_USER, "CERN"].limit_bytes is None
    (usage,) = shown[storage].usages
    assert (usage.account, usage.limit_bytes) == (SERVICE_USER, TEBIBYTE)


def test_a_storage_at_its_account_s_limit_is_offered_no_outputs(grid_runtime: Runtime) -> None:
    storages.update_storages(grid_runtime)
    with grid_runtime.session() as session:
        stage = make_stage(session)
        make_files(session, stage, 1, storages=["CERN"])
        site_id = key(session.exec(select(Site.site_id).where(Site.name == "CH_CERN")).one())
        quota_id = seed.ensure_quota(session, SERVICE_USER)
        cern = seed.ensure_storage(session, "CERN")
        seed.ensure_scope(session, "usertests", quota_id)
        offered = {each.name for each in output_storages(session, key(stage.stage_id), site_id)}
        usage = session.get_one(AccountUsage, (quota_id, cern))
        usage.used_bytes, usage.limit_bytes = TEBIBYTE - 1, TEBIBYTE
        session.flush()
        assert offered - {each.name for each in output_storages(session, key(stage.stage_id), site_id)} == {"CERN"}


def test_scopes_belong_to_the_quotas_of_their_owners(grid_runtime: Runtime) -> None:
    with grid_runtime.session() as session:
        for scope in session.exec(select(Scope)):
            session.delete(scope)
    updated = storages.update_storages(grid_runtime)
    assert {*updated.new_scopes} >= {*SCOPES}
    with grid_runtime.session() as session:
        owners = session.exec(select(Scope.name, Quota.name).join(Quota)).all()
    assert {*owners} >= {(scope, SERVICE_USER) for scope in SCOPES}


def test_a_slow_rucio_is_left_alone(grid_runtime: Runtime) -> None:
    put_pulse(grid_runtime, SLOW)
    with pytest.raises(Unavailable, match=r"Rucio is slow and is left alone for now: it took 30\.0 s"):
        storages.update_storages(grid_runtime)
    with grid_runtime.session() as session:
        stage = make_stage(session)
    assert "Rucio is slow" in finder.locate_files(grid_runtime, key(stage.stage_id)).problem


def test_rucio_is_measured_once_a_minute_and_silence_is_noted(runtime: Runtime) -> None:
    silent = pulses.measure(runtime)
    assert not silent.answered
    assert "Rucio" in silent.problem
    # Whoever asks a silent one finds out, and the moment that it is back.
    assert pulses.why_to_wait(runtime) == ""
    put_pulse(runtime, SLOW)
    assert pulses.measure(runtime) == SLOW
    assert pulses.why_to_wait(runtime)

"""Rucio, through its own client, and what its daemons do."""

import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from localgrid import lifecycle, rucio_environment
from localgrid.grid import Grid
from localgrid.rucio_environment import is_built
from tests.support import waiting

# As many passes of the daemons as it takes.
wait_until = partial(waiting.wait_until, seconds=120, pause_seconds=0.5)


@dataclass(frozen=True)
class Catalogue:
    """Rucio's client as the production account, and the grid's storages."""

    client: Any
    grid: Grid

    def upload(self, rse: str, dataset: str | None = None) -> str:
        """Write a file to a storage and register it; return its name."""
        name, content = f"{uuid.uuid4().hex}.root", uuid.uuid4().bytes
        (address,) = self.client.lfns2pfns(rse, [f"usertests:{name}"], operation="write", scheme="file").values()
        place = Path(urlsplit(address).path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        file = {"scope": "usertests", "name": name, "bytes": len(content), "adler32": f"{zlib.adler32(content):08x}"}
        self.client.add_replicas(rse, [file])
        if dataset:
            self.client.attach_dids("usertests", dataset, [{"scope": "usertests", "name": name}])
        return name

    def dataset(self) -> str:
        name = f"w1s1p1-{uuid.uuid4().hex[:8]}"
        self.client.add_dataset("usertests", name)
        return name

    def rule(self, name: str, rse: str, lifetime_seconds: int = 3600) -> str:
        did = {"scope": "usertests", "name": name}
        (rule,) = self.client.add_replication_rule([did], 1, rse, lifetime=lifetime_seconds, purge_replicas=True)
        return str(rule)

    def paths(self, name: str) -> dict[str, Path]:
        found = self.client.list_replicas([{"scope": "usertests", "name": name}], schemes=["file"])
        return {rse: Path(urlsplit(pfns[0]).path) for each in found for rse, pfns in each["rses"].items()}


@pytest.fixture(scope="module")
def catalogue(grid: Grid) -> Iterator[Catalogue]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUCIO_HOME", str(grid.rucio.client_home))
        from rucio.client import Client  # it reads its configuration when it is imported

        creds = {"username": "justin", "password": grid.secret("rucio-justin")}
        urls = {"rucio_host": grid.rucio_url, "auth_host": grid.rucio_url}
        yield Catalogue(Client(account="justin", auth_type="userpass", creds=creds, **urls), grid)


def test_storages_are_known_with_their_sites_and_distances(catalogue: Catalogue) -> None:
    sites = {site.rse: site.name for site in catalogue.grid.sites}
    assert {rse["rse"] for rse in catalogue.client.list_rses("site=UK_Manchester|site=CH_CERN|site=US_FNAL")} == set(
        sites
    )
    for rse, site in sites.items():
        assert catalogue.client.list_rse_attributes(rse)["site"] == site
    assert catalogue.client.get_distance("FNAL", "CERN")[0]["distance"] == 4


def test_scopes_belong_to_the_production_account(catalogue: Catalogue) -> None:
    assert set(catalogue.grid.scopes) <= set(catalogue.client.list_scopes_for_account("justin"))


def test_replicas_are_files_below_the_grid(catalogue: Catalogue) -> None:
    name = catalogue.upload("MANCHESTER")
    (path,) = catalogue.paths(name).values()
    assert path.is_relative_to(catalogue.grid.storage_directory("MANCHESTER"))
    assert path.exists()


def test_rule_elsewhere_is_carried_out(catalogue: Catalogue) -> None:
    dataset = catalogue.dataset()
    names = [catalogue.upload("MANCHESTER", dataset) for _ in range(2)]
    rule = catalogue.rule(dataset, "FNAL")
    wait_until(lambda: catalogue.client.get_replication_rule(rule)["state"] == "OK")
    for name in names:
        copies = catalogue.paths(name)
        assert copies["FNAL"].read_bytes() == copies["MANCHESTER"].read_bytes()


def test_a_file_whose_bytes_are_gone_keeps_no_other_waiting(catalogue: Catalogue) -> None:
    lost, other = catalogue.upload("MANCHESTER"), catalogue.upload("MANCHESTER")
    catalogue.paths(lost)["MANCHESTER"].unlink()
    waiting, rule = catalogue.rule(lost, "FNAL"), catalogue.rule(other, "FNAL")
    wait_until(lambda: catalogue.client.get_replication_rule(rule)["state"] == "OK")
    assert catalogue.client.get_replication_rule(waiting)["state"] == "REPLICATING"


def test_daemons_lock_files_that_come_after_the_rule(catalogue: Catalogue) -> None:
    dataset = catalogue.dataset()
    catalogue.upload("CERN", dataset)
    rule = catalogue.rule(dataset, "CERN")
    late = catalogue.upload("CERN", dataset)
    wait_until(lambda: late in {lock["name"] for lock in catalogue.client.list_replica_locks(rule)})


def test_daemons_delete_what_has_expired(catalogue: Catalogue) -> None:
    name = catalogue.upload("CERN")
    (path,) = catalogue.paths(name).values()
    catalogue.rule(name, "CERN", lifetime_seconds=-1)
    wait_until(lambda: not path.exists())


def test_usage_is_counted(catalogue: Catalogue) -> None:
    catalogue.rule(catalogue.upload("FNAL"), "FNAL")
    wait_until(lambda: next(iter(catalogue.client.get_local_account_usage("justin", rse="FNAL")))["files"] > 0)


def test_catalogue_is_filled_once(grid: Grid, catalogue: Catalogue) -> None:
    before = catalogue.client.list_accounts(), list(catalogue.client.list_rses())
    assert lifecycle.up(grid.directory, fast=grid.fast, slots_per_site=grid.slots_per_site) == grid
    after = catalogue.client.list_accounts(), list(catalogue.client.list_rses())
    assert [len(list(each)) for each in before] == [len(list(each)) for each in after]


def test_environment_is_kept_under_its_requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = rucio_environment.location()
    changed = tmp_path / "rucio-server.txt"
    changed.write_text(rucio_environment.REQUIREMENTS.read_text() + "\n# changed\n")
    monkeypatch.setattr(rucio_environment, "REQUIREMENTS", changed)
    assert rucio_environment.location() != place
    assert not is_built()

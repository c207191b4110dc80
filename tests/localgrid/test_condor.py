"""HTCondor as a component: started, found again, killed and stopped like the others, and done without if need be."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from localgrid import condor, condor_packages, condor_programs, lifecycle, processes
from localgrid.components import Progress
from localgrid.condor import Pool
from localgrid.condor_configuration import Layout, render
from localgrid.condor_gpus import H100, inventory, nvidia_smi
from localgrid.errors import GridError
from localgrid.guard import cleaned_up
from localgrid.identity import Identity, marked_processes, send_signal
from localgrid.ports import free_port
from localgrid.processes import MARK
from localgrid.sites import SITES
from tests.support.waiting import wait_until


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    why = condor.obstacle()
    if why:
        pytest.skip(f"there can be no HTCondor here: {why}")
    condor_programs.build()
    made = Pool(tmp_path / "condor", free_port(), SITES, 1, tmp_path / "secrets" / "condor", fast=True)
    with cleaned_up(tmp_path):
        yield made
        processes.stop(tmp_path, condor.COMPONENT)


def daemons(directory: Path) -> list[Identity]:
    return marked_processes(f"{MARK}={processes.mark(directory, condor.COMPONENT)}")


def master(directory: Path) -> Identity:
    known = processes.record(directory, condor.COMPONENT)
    assert known
    assert known.identity
    return known.identity


def test_every_site_has_a_node_and_gpus_have_nodes_of_their_own(pool: Pool, tmp_path: Path) -> None:
    assert processes.start(tmp_path, pool.component())

    columns = ("GLIDEIN_DUNESite", "GLIDEIN_Entry_Name", "TotalGPUs")
    slots = pool.run("condor_status", "-constraint", "PartitionableSlot", "-autoformat", *columns).splitlines()
    assert {tuple(slot.split()) for slot in slots} == {
        *((site.name, site.entry, "0") for site in SITES),
        ("CH_CERN", "LOCAL_CH_CERN_GPU", "2"),
        ("US_FNAL", "LOCAL_US_FNAL_GPU", "2"),
    }


def test_starting_again_starts_nothing_and_keeps_the_token(pool: Pool, tmp_path: Path) -> None:
    processes.start(tmp_path, pool.component())
    first, token = master(tmp_path), (pool.token_directory / "justin").read_text()

    assert not processes.start(tmp_path, pool.component())
    assert master(tmp_path) == first
    assert (pool.token_directory / "justin").read_text() == token


def test_after_its_master_was_killed_all_of_it_is_started_anew(pool: Pool, tmp_path: Path) -> None:
    processes.start(tmp_path, pool.component())
    before = daemons(tmp_path)
    send_signal(master(tmp_path), signal.SIGKILL)
    wait_until(lambda: not master(tmp_path).alive())

    assert processes.start(tmp_path, pool.component())
    assert not any(identity.alive() for identity in before)


def test_stopping_leaves_no_process(pool: Pool, tmp_path: Path) -> None:
    processes.start(tmp_path, pool.component())
    assert daemons(tmp_path)
    processes.stop(tmp_path, condor.COMPONENT)
    assert daemons(tmp_path) == []


def test_nobody_else_may_read_the_token_or_the_key(pool: Pool, tmp_path: Path) -> None:
    processes.start(tmp_path, pool.component())
    for secret in (pool.token_directory / "justin", pool.directory / "keys" / "POOL"):
        assert secret.stat().st_mode & 0o077 == 0


def test_why_there_can_be_no_pool_is_said_and_another_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[Progress] = []

    assert lifecycle.choose_pool(None, said.append) == "processes"
    assert "this machine has no apt-get" in said[-1].what
    with pytest.raises(GridError, match="no HTCondor pool here: this machine has no apt-get"):
        lifecycle.choose_pool("condor")
    assert lifecycle.choose_pool("processes") == "processes"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("debian.sources", "Types: deb\nURIs: http://one/debian\nSuites: x\n", "http://one/debian"),
        ("debian.sources", "URIs: http://one/debian-security https://two/debian/\n", "https://two/debian/"),
        (
            "old.list",
            "# deb http://one/debian x main\ndeb [signed-by=/k] http://two/debian x main\n",
            "http://two/debian",
        ),
        ("other.list", "deb http://one/ubuntu x main\n", ""),
    ],
)
def test_the_mirror_is_the_machines_own(tmp_path: Path, name: str, text: str, expected: str) -> None:
    file = tmp_path / "sources.list.d" / name
    file.parent.mkdir()
    file.write_text(text)
    assert condor_packages.mirror(tmp_path) == expected


def test_the_configuration_listens_on_loopback_alone(tmp_path: Path) -> None:
    text = render(Layout(tmp_path, tmp_path / "programs", 9618, "daemon", SITES, 2))
    assert "NETWORK_INTERFACE = 127.0.0.1\n" in text
    assert "BIND_ALL_INTERFACES = False\n" in text
    assert "START = (NumDynamicSlots ?: 0) < 2\n" in text


def test_a_node_with_gpus_and_its_nvidia_smi_tell_the_same() -> None:
    for gpu in H100:
        assert f'"{gpu.short_id}"' in inventory(H100)
        assert f"GPU-{gpu.uuid}, {gpu.name}, {gpu.memory_mib}" in nvidia_smi(H100)
    assert inventory(()) == "DetectedGPUs=0\n"

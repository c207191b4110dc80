"""A real HTCondor pool for whoever asks: started once in a run, and gone when the run ends, however it ends."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.adapters.condor import CondorPool
from engine.errors import Unavailable
from engine.pool_ports import JobOrder, PoolJob, PoolState
from engine.settings import Pool as PoolSettings
from localgrid import condor, condor_programs, processes
from localgrid.condor import Pool
from localgrid.errors import GridError
from localgrid.guard import cleaned_up
from localgrid.identity import Identity, marked_processes, send_signal
from localgrid.ports import free_port
from localgrid.processes import MARK
from localgrid.sites import SITES
from tests.support.waiting import wait_until

SLOTS_PER_SITE = 3
DAEMONS = ("master", "shared_port", "collector", "negotiator", "schedd", "startd", "procd", "shadow", "starter")
"""From the top: none is frozen before the one that would start it anew."""
STATE_SECONDS = 90.0
PAUSE_SECONDS = 0.3


@dataclass(frozen=True)
class OwnCondor:
    """The pool, and the engine's way to it."""

    directory: Path
    pool: Pool
    settings: PoolSettings

    @property
    def adapter(self) -> CondorPool:
        return CondorPool(self.settings)

    def submit(self, order: JobOrder) -> list[str]:
        return self.adapter.submit(order)

    def job(self, jobsub_id: str) -> PoolJob:
        return self.adapter.jobs([jobsub_id])[jobsub_id]

    def wait_for(self, jobsub_ids: Sequence[str], state: PoolState) -> list[PoolJob]:
        """Wait until jobs are in a state, and return them in their order."""
        found: dict[str, PoolJob] = {}

        def reached() -> bool:
            # Its schedd may be on its way down or up.
            with suppress(Unavailable):
                found.update(self.adapter.jobs(jobsub_ids))
            return all(jobsub_id in found and found[jobsub_id].state is state for jobsub_id in jobsub_ids)

        wait_until(reached, STATE_SECONDS, PAUSE_SECONDS)
        return [found[jobsub_id] for jobsub_id in jobsub_ids]

    def ad(self, jobsub_id: str) -> str:
        """Return all that the pool holds of a job, as its administrator sees it."""
        return self.pool.run("condor_q", "-long", jobsub_id.partition("@")[0])

    def edit(self, jobsub_id: str, **attributes: str) -> None:
        """Write expressions into a job's ad, as its administrator may."""
        pairs = [text for attribute in attributes.items() for text in attribute]
        self.pool.run("condor_qedit", jobsub_id.partition("@")[0], *pairs)

    def queue(self) -> list[str]:
        """Return the number and the state, as HTCondor counts them, of all jobs in the queue, ended ones included."""
        return self.pool.run("condor_q", "-allusers", "-autoformat:j", "JobStatus").splitlines()

    def daemons(self, name: str) -> list[Identity]:
        """Return the pool's processes of one of HTCondor's programs."""
        mark = f"{MARK}={processes.mark(self.directory, condor.COMPONENT)}"
        return [identity for identity in marked_processes(mark) if _program(identity) == name]

    def kill(self, name: str) -> None:
        """End all of the pool's processes of a program at once."""
        for identity in self.daemons(name):
            send_signal(identity, signal.SIGKILL)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let all of the pool's own processes do nothing, while its jobs go on."""
        frozen: list[Identity] = []
        for name in DAEMONS:
            frozen += self.daemons(f"condor_{name}")
        for identity in frozen:
            send_signal(identity, signal.SIGSTOP)
        try:
            yield
        finally:
            for identity in reversed(frozen):
                send_signal(identity, signal.SIGCONT)

    def clear(self) -> None:
        """Take all jobs out of the queue, and out of what it keeps."""

        def cleared() -> bool:
            with suppress(GridError):
                if not self.pool.run("condor_q", "-allusers", "-autoformat", "ClusterId"):
                    return True
                # The first takes out running ones, the second what stays for its log to be fetched.
                for options in ((), ("-forcex",)):
                    with suppress(GridError):
                        self.pool.run("condor_rm", "-all", *options)
            return False

        wait_until(cleared, STATE_SECONDS, PAUSE_SECONDS)

    def start(self) -> None:
        """Start what does not run of it."""
        processes.start(self.directory, self.pool.component())


def _program(identity: Identity) -> str:
    """Return the name of a process's program; nothing of one that has just ended."""
    try:
        return Path(f"/proc/{identity.pid}/exe").readlink().name
    except FileNotFoundError:
        return ""


@pytest.fixture(scope="session")
def condor_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCondor]:
    """A running pool; tests share it, so each looks after its own jobs only."""
    why = condor.obstacle()
    if why:
        pytest.skip(f"there can be no HTCondor here: {why}")
    condor_programs.build()
    with own_condor(tmp_path_factory.mktemp("condor")) as made:
        yield made


@contextmanager
def own_condor(directory: Path, schedds: int = 1) -> Iterator[OwnCondor]:
    """Run a pool for as long as the context lasts."""
    directory.mkdir(exist_ok=True)
    tokens = directory / "secrets" / "condor"
    pool = Pool(directory / "condor", free_port(), SITES, SLOTS_PER_SITE, tokens, fast=True, schedds=schedds)
    settings = PoolSettings(kind="condor", collector=pool.collector, token_directory=tokens)
    made = OwnCondor(directory, pool, settings)
    with cleaned_up(directory):
        made.start()
        yield made
        processes.stop(directory, condor.COMPONENT)

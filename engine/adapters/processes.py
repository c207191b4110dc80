"""The process pool: job slots at pretended sites on one machine, reached through the pool's directory.

The directory's protocol is written down in `localgrid.pool`. Submitting is one rename, so a cluster of jobs is in the
pool whole or not at all; every other call only reads files that are written in one step, or makes an empty one.
"""

import fcntl
import json
import math
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from engine import stage_hints
from engine.errors import Unavailable
from engine.pool_ports import Announce, JobOrder, PoolChanges, PoolJob, PoolLog, PoolState, nobody

WRAPPER = "justin-wrapper.pyz"
CONFIGURATION = "job.json"
SECRET = "job.secret"  # noqa: S105 - the name of the file
COMMAND = ("python3", WRAPPER, CONFIGURATION)
MIB_BYTES = 1 << 20
LONGEST_LOG_BYTES = 2 * MIB_BYTES
OVERLAP_SECONDS = 5.0
"""How far looks for changes reach back: a file is seen a little later than the time that it carries."""


class ProcessPool:
    """`ports.BatchPool` on a directory that a process pool serves on this machine."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()

    def submit(self, order: JobOrder, announce: Announce = nobody) -> list[str]:
        """Put one job per ticket into the pool and return their jobsub ids, in the order of the tickets.

        What raises in `announce` leaves no job behind.
        """
        with self._reported():
            name, cluster = self._name(), self._next_cluster()
            incoming = self._directory / "incoming" / str(cluster)
            incoming.mkdir(mode=0o700)
            (incoming / "order.json").write_text(json.dumps(_order(order)))
            shutil.copyfile(order.wrapper, incoming / WRAPPER)
            jobsub_ids = [f"{cluster}.{proc}@{name}" for proc in range(len(order.tickets))]
            for proc, (jobsub_id, ticket) in enumerate(zip(jobsub_ids, order.tickets, strict=True)):
                configuration = {**order.configuration, "jobsub_id": jobsub_id}
                _lay_down(incoming, proc, configuration, ticket.secret)
            with _gone_on_error(incoming):
                announce(jobsub_ids)
            incoming.rename(self._directory / "queue" / str(cluster))
        return jobsub_ids

    def jobs(self, jobsub_ids: Iterable[str]) -> dict[str, PoolJob]:
        """Return those of the jobs that the pool still knows."""
        with self._reported():
            found = ((jobsub_id, self._job_directory(jobsub_id)) for jobsub_id in jobsub_ids)
            return {jobsub_id: _job(jobsub_id, directory) for jobsub_id, directory in found if directory}

    def changes(self, marks: Mapping[str, float | None]) -> dict[str, PoolChanges]:
        """Return the jobs that ended or were held since the marks; every other part is known to have none."""
        with self._reported():
            name, began = self._name(), time.time()
            since = marks.get(name)
            jobs = {} if since is None else {job.jobsub_id: job for job in self._changed(name, since)}
            return {part: PoolChanges(jobs if part == name else {}, began - OVERLAP_SECONDS) for part in marks}

    def remove(self, jobsub_ids: Iterable[str]) -> None:
        """Take jobs out of the pool; unknown and ended ones are well."""
        with self._reported():
            for jobsub_id in jobsub_ids:
                directory = self._job_directory(jobsub_id)
                if directory and not (directory / "ended.json").exists():
                    (self._directory / "removals" / _key(jobsub_id)).touch()

    def logs(self, jobsub_ids: Iterable[str]) -> dict[str, PoolLog]:
        """Return the logs of ended or running jobs, for those of the jobs that are known."""
        with self._reported():
            found = ((jobsub_id, self._job_directory(jobsub_id)) for jobsub_id in jobsub_ids)
            return {jobsub_id: PoolLog(_tail(job / "stdout"), _tail(job / "stderr")) for jobsub_id, job in found if job}

    def forget(self, jobsub_ids: Iterable[str]) -> None:
        """Let the pool drop what it keeps of ended jobs."""
        with self._reported():
            for jobsub_id in jobsub_ids:
                directory = self._job_directory(jobsub_id)
                if directory and (directory / "ended.json").exists():
                    _delete(directory)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(f"the process pool in {self._directory} cannot be used: {error}") from error

    def _name(self) -> str:
        settings = json.loads((self._directory / "settings.json").read_text())
        return str(settings["name"])

    def _changed(self, name: str, since_seconds: float) -> Iterator[PoolJob]:
        for note in (*self._directory.glob("*/*/*/ended.json"), *self._directory.glob("*/*/*/held")):
            # The server may take a job away meanwhile.
            with suppress(FileNotFoundError):
                if note.stat().st_mtime >= since_seconds:
                    job = note.parent
                    yield _job(f"{job.parent.name}.{job.name}@{name}", job)

    def _next_cluster(self) -> int:
        """Return a number that no other cluster of this pool has or will have."""
        counter = self._directory / "counter"
        with (self._directory / "counter.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            number = int(counter.read_text()) + 1 if counter.exists() else 1
            new = counter.with_suffix(".new")
            new.write_text(str(number))
            new.replace(counter)
        return number

    def _job_directory(self, jobsub_id: str) -> Path | None:
        key, _, name = jobsub_id.partition("@")
        cluster, _, proc = key.partition(".")
        if not (cluster.isdigit() and proc.isdigit()) or name != self._name():
            return None
        # The server moves a cluster from the queue, so one that is in neither place at first is looked for again.
        for stage in ("clusters", "queue", "clusters"):
            directory = self._directory / stage / cluster / proc
            if directory.is_dir():
                return directory
        return None


@contextmanager
def _gone_on_error(directory: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


def _key(jobsub_id: str) -> str:
    return jobsub_id.partition("@")[0]


def _order(order: JobOrder) -> dict[str, Any]:
    """Return the pool's own words for an order."""
    attributes = {
        "AccountingGroup": order.accounting_group,
        "SingularityImage": order.image,
        stage_hints.ATTRIBUTE: order.hint,
        "DESIRED_Entries": ",".join(order.entries),
    }
    return {
        "command": COMMAND,
        "processors": order.processors,
        "memory_mib": math.ceil(order.rss_bytes / MIB_BYTES),
        "wall_seconds": order.wall_seconds,
        "gpus": order.gpus,
        "sites": order.sites,
        "attributes": {**{name: value for name, value in attributes.items() if value}, **order.classads},
    }


def _lay_down(incoming: Path, proc: int, configuration: dict[str, Any], secret: str) -> None:
    """Write the files of one job: the wrapper, its configuration, and a secret that only its owner may read."""
    sandbox = incoming / str(proc) / "sandbox"
    sandbox.mkdir(parents=True)
    os.link(incoming / WRAPPER, sandbox / WRAPPER)
    (sandbox / CONFIGURATION).write_text(json.dumps(configuration))
    with os.fdopen(os.open(sandbox / SECRET, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as file:
        file.write(secret)


def _job(jobsub_id: str, directory: Path) -> PoolJob:
    """Read a job's state; the files are looked for from the last that is written to the first."""
    ended = directory / "ended.json"
    if ended.exists():
        end = json.loads(ended.read_text())
        return PoolJob(jobsub_id, PoolState(end["state"]), end["exit_status"], end["reason"])
    held = directory / "held"
    if held.exists():
        return PoolJob(jobsub_id, PoolState.HELD, reason=held.read_text())
    running = (directory / "slot.json").exists()
    return PoolJob(jobsub_id, PoolState.RUNNING if running else PoolState.IDLE)


def _tail(path: Path) -> str:
    """Return the text of a file, and only the end of a very long one."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LONGEST_LOG_BYTES))
        return file.read().decode(errors="replace")


def _delete(directory: Path) -> None:
    """Delete an ended job, and its cluster with the last of its jobs."""
    shutil.rmtree(directory)
    cluster = directory.parent
    if not any(entry.is_dir() for entry in cluster.iterdir()):
        shutil.rmtree(cluster, ignore_errors=True)

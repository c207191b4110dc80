"""The server of a pool: gives slots to jobs, watches them, and cleans up after them."""

import fcntl
import logging
import os
import shutil
import signal
import time
from collections import deque
from pathlib import Path
from subprocess import CalledProcessError
from threading import Event

from localgrid.errors import GridError
from localgrid.identity import Identity
from localgrid.pool import jobs
from localgrid.pool.layout import Job, Place, Settings, clusters, jobs_of, read_settings, write_text

POLL_SECONDS = 0.1
ABANDONED_SECONDS = 3600
REMOVED = "removed from the pool"
SHUT_DOWN = "the pool was shut down"
OUTLIVED = "it outlived its pilot"

log = logging.getLogger("localgrid.pool")


class Server:
    """The jobs of a pool, in memory; all that matters is in the directory too."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self.directory = directory
        self.settings = settings
        self.idle: deque[Job] = deque()
        self.running: dict[str, Job] = {}
        self.places: dict[str, Place] = {}
        self.stopping: dict[str, tuple[float, str]] = {}
        """Until when a job may end by itself, and why it has to."""

    def recover(self) -> None:
        """Find the jobs of an earlier server, and clear away what killed submitters left."""
        for left in (self.directory / "incoming").iterdir():
            if left.stat().st_mtime < time.time() - ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        for cluster in clusters(self.directory, "clusters"):
            for job in jobs_of(cluster, self.settings.name):
                self._adopt(job)
        log.info("%d jobs run, %d wait", len(self.running), len(self.idle))

    def cycle(self) -> None:
        """Do all there is to do now."""
        # Whoever asks for a removal submitted before, so take over after having listed what is asked.
        removals = sorted(request.name for request in (self.directory / "removals").iterdir())
        self.take_over()
        for key in removals:
            self.remove(key)
        self.watch()
        self.fill_slots()

    def take_over(self) -> None:
        """Take over the clusters that were submitted."""
        for cluster in clusters(self.directory, "queue"):
            taken = self.directory / "clusters" / cluster.name
            cluster.rename(taken)
            for job in jobs_of(taken, self.settings.name):
                self._queue(job)

    def remove(self, key: str) -> None:
        """Take out a job that somebody wants out."""
        if key in self.running:
            self._stop(self.running[key], REMOVED)
        else:
            self._remove_waiting(key)
        (self.directory / "removals" / key).unlink()

    def watch(self) -> None:
        """Finish the jobs that are over, kill those that had to stop and did not."""
        now = time.time()
        for key, job in list(self.running.items()):
            deadline, reason = self.stopping.get(key, (0.0, ""))
            if jobs.is_over(job) or (reason and now > deadline):
                jobs.finish(job, removed_because=reason)
                self._free(key)
            elif not reason and now > self.places[key].started + self.settings.longest_wall_seconds:
                self._stop(job, OUTLIVED)

    def fill_slots(self) -> None:
        """Start waiting jobs, in the order of their submission, wherever there is a slot that they may use."""
        free = {site: self._free_slots(site) for site in self.settings.slots}
        passed_over: list[Job] = []
        while self.idle and any(free.values()):
            job = self.idle.popleft()
            site = self._site_for(job, free)
            if site is None:
                passed_over.append(job)
            else:
                self._begin(job, Place(site, free[site].pop(0), time.time()))
        self.idle.extendleft(reversed(passed_over))

    def shut_down(self) -> None:
        """End all running jobs."""
        for job in self.running.values():
            self._stop(job, SHUT_DOWN)
        while self.running:
            self.watch()
            time.sleep(POLL_SECONDS)

    def _adopt(self, job: Job) -> None:
        if job.end() or job.is_held():
            return
        place = job.place()
        if place is None:
            self._queue(job)
        elif job.starter() is None:
            # An earlier server was killed between giving the slot and starting; its starter may still come.
            self._begin(job, place)
        else:
            self.running[job.key], self.places[job.key] = job, place

    def _queue(self, job: Job) -> None:
        reason = self._obstacle(job)
        if reason:
            job.hold(reason)
        else:
            self.idle.append(job)

    def _obstacle(self, job: Job) -> str:
        """Say why a job can never run here, or nothing."""
        order = job.order
        if order.gpus:
            return "no slot here has GPUs"
        if order.wall_seconds > self.settings.longest_wall_seconds:
            return f"no slot here lasts for {order.wall_seconds} s"
        if order.sites and not any(self.settings.slots.get(site) for site in order.sites):
            return f"no slots at {', '.join(order.sites)}"
        return ""

    def _site_for(self, job: Job, free: dict[str, list[str]]) -> str | None:
        """Return the allowed site with most free slots."""
        allowed = [site for site in free if free[site] and (not job.order.sites or site in job.order.sites)]
        return max(allowed, key=lambda site: len(free[site]), default=None)

    def _free_slots(self, site: str) -> list[str]:
        used = {place.slot for place in self.places.values()}
        names = (f"slot{number}@{site}" for number in range(1, self.settings.slots[site] + 1))
        return [name for name in names if name not in used]

    def _begin(self, job: Job, place: Place) -> None:
        self.running[job.key], self.places[job.key] = job, place
        try:
            jobs.begin(job, place, self.settings)
        except (OSError, CalledProcessError) as error:
            job.hold(f"it cannot be started: {error}")
            self._free(job.key)

    def _stop(self, job: Job, reason: str) -> None:
        if job.key not in self.stopping:
            self.stopping[job.key] = (time.time() + self.settings.stop_seconds, reason)
            jobs.ask_to_stop(job)

    def _free(self, key: str) -> None:
        del self.running[key]
        del self.places[key]
        self.stopping.pop(key, None)

    def _remove_waiting(self, key: str) -> None:
        """Take out a job that does not run: idle, held, or unknown."""
        cluster, _, proc = key.partition(".")
        found = jobs_of(self.directory / "clusters" / cluster, self.settings.name)
        for job in found:
            if str(job.proc) == proc and not job.end():
                jobs.finish(job, removed_because=REMOVED)
        self.idle = deque(job for job in self.idle if job.key != key)


def serve(directory: Path) -> None:
    """Serve a pool until told to stop; raises when another server does."""
    settings = read_settings(directory)
    if settings is None:
        raise GridError(f"there is no pool in {directory}")
    stop = Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GridError(f"another server serves {directory}") from None
        server = Server(directory, settings)
        server.recover()
        _say_serving(directory)
        while not stop.is_set():
            server.cycle()
            stop.wait(POLL_SECONDS)
        server.shut_down()
        (directory / "serving").unlink()


def end_jobs(directory: Path) -> None:
    """End what runs of a pool whose server is gone."""
    settings = read_settings(directory)
    if settings is None:
        return
    for cluster in clusters(directory, "clusters"):
        for job in jobs_of(cluster, settings.name):
            if job.place() and not job.end():
                jobs.finish(job, removed_because=SHUT_DOWN)


def _say_serving(directory: Path) -> None:
    identity = Identity.of(os.getpid())
    if identity:
        write_text(directory / "serving", f"{identity.pid} {identity.start_ticks} {identity.boot}\n")

"""HTCondor: jobs are spooled to one of its schedds, with a secret for each, and followed by their names."""

import json
import os
import random
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.adapters import submit
from engine.adapters.condor_process import CondorProcess
from engine.adapters.submit import Rules
from engine.errors import EngineError, ServiceRefused, Unavailable
from engine.ports import Announce, JobOrder, PoolJob, PoolState, nobody
from engine.settings import Pool as PoolSettings

MOST_JOBS: Final = 2000
LONGEST_LOG_BYTES: Final = 10 << 20
REMOVED_BY_US: Final = "removed by justIN"
BUSY_DUTY_CYCLE: Final = 0.98
"""A schedd that does so much of its time something has no time for more."""
HISTORY_SECONDS: Final = 86_400
SPOOLING: Final = 16
"""The hold reason of a job whose files are still to come."""
KILLED: Final = 128

STATES: Final = {
    1: PoolState.IDLE,
    2: PoolState.RUNNING,
    3: PoolState.REMOVED,
    4: PoolState.COMPLETED,
    5: PoolState.HELD,
    6: PoolState.RUNNING,
    7: PoolState.RUNNING,
}


@dataclass(frozen=True, slots=True)
class JobName:
    """A job of a schedd."""

    cluster: int
    proc: int
    schedd: str

    @classmethod
    def parse(cls, jobsub_id: str) -> "JobName | None":
        """Read `CLUSTER.PROC@SCHEDD`; None for another name."""
        key, _, schedd = jobsub_id.partition("@")
        cluster, _, proc = key.partition(".")
        return cls(int(cluster), int(proc), schedd) if cluster.isdecimal() and proc.isdecimal() and schedd else None

    @property
    def key(self) -> str:
        """What its schedd calls it."""
        return f"{self.cluster}.{self.proc}"

    @property
    def jobsub_id(self) -> str:
        """What everybody calls it."""
        return f"{self.key}@{self.schedd}"


class CondorPool:
    """`ports.BatchPool` on HTCondor."""

    def __init__(self, settings: PoolSettings) -> None:
        self._settings = settings
        self._rules = Rules(
            user=settings.user,
            disk_mib=settings.disk_mib,
            cpu_jobs_on_gpu_slots=settings.cpu_jobs_on_gpu_slots,
            requirements=settings.requirements,
            user_classads=tuple(settings.user_classads),
        )

    def submit(self, order: JobOrder, announce: Announce = nobody) -> list[str]:
        """Put one job per ticket, at most 2,000, into the queue of the schedd that has most room.

        They cannot start before `announce` has returned and their files are sent; when either fails they are removed.
        """
        if len(order.tickets) > MOST_JOBS:
            raise ValueError(f"{len(order.tickets)} jobs are too many for one call")
        with _laid_out(order) as place:
            failed = Unavailable(f"no schedd of {self._service} has room for jobs")
            for schedd in self._schedds():
                description = submit.render(order, self._rules, place, schedd)
                with self._conversation() as condor:
                    try:
                        told = {"description": description, "count": len(order.tickets)}
                        cluster = condor.call(_named(schedd), "submit", schedd=schedd, **told)
                    except Unavailable as error:
                        # What it may have taken all the same is never sent its files, and so dropped.
                        failed = error
                        continue
                    return self._complete(condor, _cluster(cluster, schedd, len(order.tickets)), announce)
            raise failed

    def jobs(self, jobsub_ids: Iterable[str]) -> dict[str, PoolJob]:
        """Return those of the jobs that a queue or its history knows; the jobs of a schedd that is away are unseen.

        Raises `Unavailable` when nothing can be said of any of them.
        """
        asked = _by_schedd(jobsub_ids)
        found: dict[str, PoolJob] = {}
        errors: list[EngineError] = []
        with self._conversation() as condor:
            for schedd, jobs in asked.items():
                try:
                    found |= _known(condor, schedd, jobs)
                except (Unavailable, ServiceRefused) as error:
                    errors.append(error)
                    if len(errors) == len(asked):
                        raise
                    found |= {job.jobsub_id: PoolJob(job.jobsub_id, PoolState.UNSEEN, None, str(error)) for job in jobs}
        return found

    def remove(self, jobsub_ids: Iterable[str]) -> None:
        """Take jobs out of their queues; unknown ones are well."""
        with self._conversation() as condor:
            for schedd, jobs in _by_schedd(jobsub_ids).items():
                keys = [job.key for job in jobs]
                condor.call(_named(schedd), "remove", schedd=schedd, jobs=keys, reason=REMOVED_BY_US)

    def log(self, jobsub_id: str) -> str | None:
        """Return what the wrapper of an ended job printed and what HTCondor noted; None for an unknown job."""
        return self.logs([jobsub_id]).get(jobsub_id)

    def logs(self, jobsub_ids: Iterable[str]) -> dict[str, str]:
        """Return the logs of those of the jobs that their queues still have and that are over."""
        found: dict[str, str] = {}
        with self._conversation() as condor:
            for schedd, jobs in _by_schedd(jobsub_ids).items():
                over = _in_queue(condor, schedd, jobs, {PoolState.COMPLETED, PoolState.REMOVED})
                for job in over:
                    with tempfile.TemporaryDirectory(prefix="justin-log-") as directory:
                        place = {"schedd": schedd, "job": job.key, "directory": directory}
                        condor.call(_named(schedd), "retrieve", **place)
                        found[job.jobsub_id] = _text(Path(directory))
        return found

    def forget(self, jobsub_ids: Iterable[str]) -> None:
        """Let queues drop ended jobs, with all that they keep of them."""
        with self._conversation() as condor:
            for schedd, jobs in _by_schedd(jobsub_ids).items():
                for state, at_once in ((PoolState.COMPLETED, False), (PoolState.REMOVED, True)):
                    keys = [job.key for job in _in_queue(condor, schedd, jobs, {state})]
                    if keys:
                        told = {"jobs": keys, "reason": REMOVED_BY_US, "at_once": at_once}
                        condor.call(_named(schedd), "remove", schedd=schedd, **told)

    @property
    def _service(self) -> str:
        return f"HTCondor at {self._settings.collector}"

    def _conversation(self) -> CondorProcess:
        return CondorProcess(environment(self._settings), self._settings.timeout_seconds)

    def _schedds(self) -> list[str]:
        """Return the schedds that may take jobs, the one with the shortest queue first."""
        with self._conversation() as condor:
            known: list[dict[str, Any]] = condor.call(self._service, "schedds")
        ours = self._settings.schedds
        healthy = [
            ad
            for ad in known
            if (not ours or ad["Name"] in ours) and ad.get("RecentDaemonCoreDutyCycle", 0) < BUSY_DUTY_CYCLE
        ]
        # Those with queues of one length take turns.
        random.shuffle(healthy)
        return [str(ad["Name"]) for ad in sorted(healthy, key=lambda ad: int(ad.get("TotalIdleJobs", 0)))]

    def _complete(self, condor: CondorProcess, jobs: Sequence[JobName], announce: Announce) -> list[str]:
        """Announce jobs that wait for their files and send these; the jobs are gone when that fails."""
        schedd, jobsub_ids = jobs[0].schedd, [job.jobsub_id for job in jobs]
        try:
            announce(jobsub_ids)
            condor.call(_named(schedd), "spool", schedd=schedd, cluster=jobs[0].cluster)
        except BaseException:
            # Where even that fails the jobs have no files, and HTCondor drops them for it.
            with suppress(EngineError):
                self.remove(jobsub_ids)
            raise
        return jobsub_ids


def environment(settings: PoolSettings) -> dict[str, str]:
    """Return the variables that configure HTCondor's client; secrets are named by their files."""
    configured = {
        "COLLECTOR_HOST": settings.collector,
        "SEC_CLIENT_AUTHENTICATION": "REQUIRED",
        # Every job's secret goes this way.
        "SEC_CLIENT_ENCRYPTION": "REQUIRED",
        "SEC_CLIENT_INTEGRITY": "REQUIRED",
        "SEC_CLIENT_AUTHENTICATION_METHODS": settings.authentication,
        "SEC_TOKEN_DIRECTORY": settings.token_directory,
        "SEC_TOKEN_SYSTEM_DIRECTORY": settings.token_directory,
        "SCITOKENS_FILE": settings.scitoken_file,
        "ENABLE_IPV6": "auto",
    }
    given = {f"_CONDOR_{name}": str(value) for name, value in configured.items() if value}
    return {"CONDOR_CONFIG": str(settings.config_file or os.devnull), **given}


@contextmanager
def _laid_out(order: JobOrder) -> Iterator[Path]:
    """Lay down the files of an order's jobs for as long as they are being sent; each job's secret in a file of its own."""
    with tempfile.TemporaryDirectory(prefix="justin-submit-") as directory:
        place = Path(directory)
        shutil.copyfile(order.wrapper, place / submit.WRAPPER)
        (place / submit.CONFIGURATION).write_text(json.dumps(dict(order.configuration)))
        for number, ticket in enumerate(order.tickets):
            own = place / str(number)
            own.mkdir(mode=0o700)
            with os.fdopen(os.open(own / submit.SECRET, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as file:
                file.write(ticket.secret)
        yield place


def _cluster(number: int, schedd: str, count: int) -> list[JobName]:
    return [JobName(number, proc, schedd) for proc in range(count)]


def _by_schedd(jobsub_ids: Iterable[str]) -> dict[str, list[JobName]]:
    found: dict[str, list[JobName]] = defaultdict(list)
    for jobsub_id in jobsub_ids:
        job = JobName.parse(jobsub_id)
        if job:
            found[job.schedd].append(job)
    return dict(found)


def _known(condor: CondorProcess, schedd: str, jobs: Sequence[JobName]) -> dict[str, PoolJob]:
    """Return what a schedd knows of jobs, those included that have left its queue not long ago."""
    known = _queued(condor, schedd, jobs)
    gone = [(job.cluster, job.proc) for job in jobs if job.jobsub_id not in known]
    if gone:
        told = {"jobs": gone, "after": int(time.time()) - HISTORY_SECONDS}
        left = condor.call(_named(schedd), "history", schedd=schedd, **told)
        known |= {job.jobsub_id: job for job in (_job(ad, schedd) for ad in left)}
    return known


def _queued(condor: CondorProcess, schedd: str, jobs: Sequence[JobName]) -> dict[str, PoolJob]:
    clusters = sorted({job.cluster for job in jobs})
    asked = {job.jobsub_id for job in jobs}
    ads = condor.call(_named(schedd), "query", schedd=schedd, clusters=clusters)
    found = (_job(ad, schedd) for ad in ads)
    return {job.jobsub_id: job for job in found if job.jobsub_id in asked}


def _in_queue(
    condor: CondorProcess, schedd: str, jobs: Sequence[JobName], states: Collection[PoolState]
) -> list[JobName]:
    queued = _queued(condor, schedd, jobs)
    return [job for job in jobs if job.jobsub_id in queued and queued[job.jobsub_id].state in states]


def _job(ad: Mapping[str, Any], schedd: str) -> PoolJob:
    jobsub_id = JobName(ad["ClusterId"], ad["ProcId"], schedd).jobsub_id
    state = STATES.get(ad["JobStatus"], PoolState.UNSEEN)
    if state is PoolState.HELD and ad.get("HoldReasonCode") == SPOOLING:
        state = PoolState.IDLE
    reason = {PoolState.HELD: "HoldReason", PoolState.REMOVED: "RemoveReason"}.get(state, "")
    status = _exit_status(ad) if state is PoolState.COMPLETED else None
    return PoolJob(jobsub_id, state, status, str(ad.get(reason, "")))


def _exit_status(ad: Mapping[str, Any]) -> int | None:
    if ad.get("ExitBySignal"):
        return KILLED + int(ad.get("ExitSignal", 0))
    code = ad.get("ExitCode")
    return int(code) if code is not None else None


def _text(directory: Path) -> str:
    """Return what a job's files say, of a very long one its end."""
    return "".join(_tail(directory / name) for name in (submit.OUTPUT, submit.ERROR, submit.LOG))


def _tail(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LONGEST_LOG_BYTES))
        return file.read().decode(errors="replace")


def _named(schedd: str) -> str:
    return f"HTCondor's schedd {schedd}"

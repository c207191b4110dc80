"""HTCondor: jobs are spooled to one of its schedds, with a secret for each, and followed by their names."""

import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from engine.adapters import condor_jobs, submit
from engine.adapters.condor_jobs import JobName, by_schedd
from engine.adapters.condor_process import CondorProcess
from engine.adapters.submit import Rules
from engine.errors import EngineError, ServiceRefused, Unavailable
from engine.ports import Announce, JobOrder, PoolJob, PoolLog, PoolState, nobody
from engine.settings import Pool as PoolSettings

MOST_JOBS: Final = 2000
LONGEST_LOG_BYTES: Final = 10 << 20
REMOVED_BY_US: Final = "removed by justIN"
BUSY_DUTY_CYCLE: Final = 0.98
"""A schedd that does so much of its time something has no time for more."""
HISTORY_SECONDS: Final = 86_400
OVER: Final = frozenset({PoolState.COMPLETED, PoolState.REMOVED})


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
        asked = by_schedd(jobsub_ids)
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
            for schedd, jobs in by_schedd(jobsub_ids).items():
                keys = [job.key for job in jobs]
                condor.call(_named(schedd), "remove", schedd=schedd, jobs=keys, reason=REMOVED_BY_US)

    def logs(self, jobsub_ids: Iterable[str]) -> dict[str, PoolLog]:
        """Return the logs of jobs that are over, as long as their queues keep them."""
        found: dict[str, PoolLog] = {}
        with self._conversation() as condor:
            for schedd, jobs in by_schedd(jobsub_ids).items():
                for job in _over(condor, schedd, jobs):
                    found[job.jobsub_id] = _log(condor, job)
        return found

    def forget(self, jobsub_ids: Iterable[str]) -> None:
        """Let queues drop ended jobs, with all that they keep of them."""
        with self._conversation() as condor:
            for schedd, jobs in by_schedd(jobsub_ids).items():
                keys = [job.key for job in _over(condor, schedd, jobs)]
                if keys:
                    told = {"jobs": keys, "attribute": "LeaveJobInQueue", "value": "false"}
                    condor.call(_named(schedd), "edit", schedd=schedd, **told)

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
    """Lay down the files of an order's jobs until they are sent; each job's secret is in a file of its own."""
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


def _known(condor: CondorProcess, schedd: str, jobs: Sequence[JobName]) -> dict[str, PoolJob]:
    """Return what a schedd knows of jobs, those included that have left its queue not long ago."""
    known = _queued(condor, schedd, jobs)
    gone = [(job.cluster, job.proc) for job in jobs if job.jobsub_id not in known]
    if gone:
        told = {"jobs": gone, "after": int(time.time()) - HISTORY_SECONDS}
        left = condor.call(_named(schedd), "history", schedd=schedd, **told)
        known |= {job.jobsub_id: job for job in (condor_jobs.read(ad, schedd) for ad in left)}
    return known


def _queued(condor: CondorProcess, schedd: str, jobs: Sequence[JobName]) -> dict[str, PoolJob]:
    clusters = sorted({job.cluster for job in jobs})
    asked = {job.jobsub_id for job in jobs}
    ads = condor.call(_named(schedd), "query", schedd=schedd, clusters=clusters)
    found = (condor_jobs.read(ad, schedd) for ad in ads)
    return {job.jobsub_id: job for job in found if job.jobsub_id in asked}


def _over(condor: CondorProcess, schedd: str, jobs: Sequence[JobName]) -> list[JobName]:
    """Return those of a schedd's jobs that its queue still has and that are over."""
    queued = _queued(condor, schedd, jobs)
    return [job for job in jobs if job.jobsub_id in queued and queued[job.jobsub_id].state in OVER]


def _log(condor: CondorProcess, job: JobName) -> PoolLog:
    with tempfile.TemporaryDirectory(prefix="justin-log-") as directory:
        asked = {"schedd": job.schedd, "job": job.key}
        condor.call(_named(job.schedd), "retrieve", directory=directory, **asked)
        place = Path(directory)
        said = condor.call(_named(job.schedd), "describe", **asked)
        return PoolLog(_tail(place / submit.OUTPUT) + _tail(place / submit.ERROR), said)


def _tail(path: Path) -> str:
    """Return the text of a file, and only the end of a very long one."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LONGEST_LOG_BYTES))
        return file.read().decode(errors="replace")


def _named(schedd: str) -> str:
    return f"HTCondor's schedd {schedd}"

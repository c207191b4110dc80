"""HTCondor: jobs are spooled to one of its schedds, with a secret for each, and followed by their names."""

import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from engine.adapters import condor_following, condor_logs, submit
from engine.adapters.condor_jobs import JobName, by_schedd, named
from engine.adapters.condor_process import CondorProcess
from engine.adapters.submit import Rules
from engine.errors import EngineError, ServiceRefused, Unavailable
from engine.pool_ports import Announce, JobOrder, PoolChanges, PoolJob, PoolLog, PoolState, nobody
from engine.settings import Pool as PoolSettings

MOST_JOBS: Final = 2000
MOST_AT_ONCE: Final = 8
"""Schedds that are asked at the same time."""
BUSY_DUTY_CYCLE: Final = 0.98
"""A schedd that does so much of its time something has no time for more."""

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


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
                        cluster = condor.call(named(schedd), "submit", schedd=schedd, **told)
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
        known, away = self._each(condor_following.known, asked)
        _some_answered(known, away)
        return _merged(known) | {
            job.jobsub_id: PoolJob(job.jobsub_id, PoolState.UNSEEN, None, str(error))
            for schedd, error in away.items()
            for job in asked[schedd]
        }

    def changes(self, marks: Mapping[str, float | None]) -> dict[str, PoolChanges]:
        """Return the jobs that ended or were held since the marks, for each schedd that answers.

        Raises `Unavailable` when none does.
        """
        found, away = self._each(condor_following.changes, {schedd: mark for schedd, mark in marks.items() if schedd})
        _some_answered(found, away)
        # What has no schedd has no news.
        return found | {schedd: PoolChanges({}, 0.0) for schedd in marks if not schedd}

    def remove(self, jobsub_ids: Iterable[str]) -> None:
        """Take jobs out of their queues; unknown ones are well.

        Raises `Unavailable` for a schedd that does not answer when all others have been told.
        """
        _, away = self._each(condor_following.remove, by_schedd(jobsub_ids))
        _all_answered(away)

    def logs(self, jobsub_ids: Iterable[str]) -> dict[str, PoolLog]:
        """Return the logs of jobs that are over, as long as their queues keep them."""
        found, away = self._each(condor_logs.fetch, by_schedd(jobsub_ids))
        _all_answered(away)
        return _merged(found)

    def forget(self, jobsub_ids: Iterable[str]) -> None:
        """Let queues drop ended jobs, with all that they keep of them."""
        _, away = self._each(condor_following.forget, by_schedd(jobsub_ids))
        _all_answered(away)

    def _each(
        self, ask: Callable[[CondorProcess, str, Asked], Answer], asked: Mapping[str, Asked]
    ) -> tuple[dict[str, Answer], dict[str, EngineError]]:
        """Ask schedds at once, so that none waits for another, and return the answers and what failed."""

        def one(schedd: str) -> Answer | EngineError:
            try:
                with self._conversation() as condor:
                    return ask(condor, schedd, asked[schedd])
            except (Unavailable, ServiceRefused) as error:
                return error

        if not asked:
            return {}, {}
        with ThreadPoolExecutor(min(len(asked), MOST_AT_ONCE)) as threads:
            answers = dict(zip(asked, threads.map(one, asked), strict=True))
        away = {schedd: answer for schedd, answer in answers.items() if isinstance(answer, EngineError)}
        return {name: answer for name, answer in answers.items() if not isinstance(answer, EngineError)}, away

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
            condor.call(named(schedd), "spool", schedd=schedd, cluster=jobs[0].cluster)
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


def _merged(parts: Mapping[str, dict[str, Answer]]) -> dict[str, Answer]:
    return {name: value for part in parts.values() for name, value in part.items()}


def _some_answered(answered: Mapping[str, object], away: Mapping[str, EngineError]) -> None:
    if not answered:
        _all_answered(away)


def _all_answered(away: Mapping[str, EngineError]) -> None:
    for error in away.values():
        raise error

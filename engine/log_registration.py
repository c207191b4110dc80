"""Logs of jobs: the datasets they go into, made ahead, and telling Rucio and MetaCat of them; all may be repeated."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from engine import dataset_names, stored_bytes
from engine.errors import Refused, ServiceRefused, Unavailable
from engine.log_offers import SCOPE
from engine.ports import NewFile
from engine.runtime import Runtime
from justin.schemas.metadata import WORKFLOW_KEY
from justin.states import LogsState
from models import log_archives, log_datasets
from models.log_archives import PERIOD_SECONDS, StoredLogs
from models.log_datasets import LogDataset

LOG = logging.getLogger(__name__)

DATASET_KEY: Final = "dune.logs"


@dataclass(frozen=True, slots=True)
class LogsRegistered:
    """What became of a batch of logs."""

    logs: int = 0
    """Known to both catalogues."""
    refused: int = 0
    postponed: int = 0
    problem: str = ""

    def __bool__(self) -> bool:
        """Say whether a next batch may fare better than this one."""
        return bool(self.logs or self.refused)

    def __add__(self, other: "LogsRegistered") -> "LogsRegistered":
        """Sum up two parts of a batch."""
        return LogsRegistered(
            self.logs + other.logs,
            self.refused + other.refused,
            self.postponed + other.postponed,
            self.problem or other.problem,
        )


def register_logs(runtime: Runtime) -> LogsRegistered:
    """Tell the catalogues of one batch of logs."""
    settings = runtime.settings.outputs
    with runtime.session() as session:
        stored = log_archives.lease(session, settings.batch, settings.lease_seconds)
    return _tell(runtime, stored)


def make_datasets(runtime: Runtime) -> int:
    """Make the datasets for the logs of this time and the next, and return how many.

    A storage for which that fails does without until its first logs come; raises `Unavailable` when Rucio is away.
    """
    if not runtime.settings.logs.stored:
        return 0
    with runtime.session() as session:
        missing = log_datasets.missing(session, runtime.settings.logs.periods_ahead)
    return sum(_try_to_make(runtime, dataset) for dataset in missing)


def _try_to_make(runtime: Runtime, dataset: LogDataset) -> bool:
    try:
        _make(runtime, dataset)
    except (Refused, Unavailable) as error:
        LOG.warning("there is no dataset yet for logs at %s: %s", dataset.rse, error)
        runtime.rucio.ping()
        return False
    return True


def _tell(runtime: Runtime, stored: Sequence[StoredLogs]) -> LogsRegistered:
    """Tell of all at once; by halves when something is refused, until it is clear which."""
    if not stored:
        return LogsRegistered()
    try:
        _register(runtime, stored)
    except Unavailable as error:
        return _postpone(runtime, stored, str(error))
    except Refused as error:
        if len(stored) == 1:
            return _end(runtime, stored, LogsState.REFUSED, str(error))
        middle = len(stored) // 2
        return _tell(runtime, stored[:middle]) + _tell(runtime, stored[middle:])
    return _end(runtime, stored, LogsState.DONE)


def _register(runtime: Runtime, stored: Sequence[StoredLogs]) -> None:
    stored_bytes.check(stored)
    parts = {dataset: list(logs) for dataset, logs in groupby(sorted(stored, key=_dataset_of), key=_dataset_of)}
    with runtime.session() as session:
        made = log_datasets.made(session, parts)
    for dataset, logs in parts.items():
        if dataset not in made:
            _make(runtime, dataset)
        try:
            _fill(runtime, dataset, logs)
        except ServiceRefused:
            # Perhaps a dataset that was made before is there no longer.
            _make(runtime, dataset)
            _fill(runtime, dataset, logs)


def _make(runtime: Runtime, dataset: LogDataset) -> None:
    did, account = _did(runtime, dataset), runtime.settings.rucio.account
    runtime.rucio.ensure_dataset(did, account)
    runtime.rucio.ensure_rule(did, account, dataset.rse, runtime.settings.logs.lifetime_seconds)
    about = {"from": dataset.period, "until": dataset.period + PERIOD_SECONDS, "rse": dataset.rse}
    runtime.metacat.ensure_dataset(did, {DATASET_KEY: about})
    with runtime.session() as session:
        log_datasets.remember(session, dataset)


def _fill(runtime: Runtime, dataset: LogDataset, logs: Sequence[StoredLogs]) -> None:
    files = [NewFile(each.did, each.size_bytes, each.adler32, metadata=_metadata(each)) for each in logs]
    runtime.rucio.register(dataset.rse, files)
    runtime.rucio.attach(_did(runtime, dataset), [file.did for file in files])
    runtime.metacat.declare(_did(runtime, dataset), files)


def _dataset_of(logs: StoredLogs) -> LogDataset:
    return LogDataset(logs.period, logs.storage_id, logs.rse)


def _did(runtime: Runtime, dataset: LogDataset) -> str:
    return f"{SCOPE}:{dataset_names.of_logs(runtime.settings.instance, dataset.period, dataset.rse)}"


def _metadata(logs: StoredLogs) -> dict[str, Any]:
    about = {
        "workflow_id": logs.workflow_id,
        "stage_id": logs.stage_number,
        "job_id": logs.jobsub_id,
        "job_state": logs.job_state,
        "jobscript_exit": logs.jobscript_exit,
        "site_name": logs.site,
        "hostname": logs.hostname,
        "user": logs.user,
    }
    return {WORKFLOW_KEY: {name: value for name, value in about.items() if value is not None}}


def _postpone(runtime: Runtime, stored: Sequence[StoredLogs], problem: str) -> LogsRegistered:
    settings = runtime.settings.outputs
    attempts = min(logs.attempts for logs in stored)
    seconds = min(settings.first_retry_seconds * 2 ** min(attempts - 1, 30), settings.last_retry_seconds)
    LOG.warning("the logs of %s jobs are told of again in %.0f s: %s", len(stored), seconds, problem)
    with runtime.session() as session:
        log_archives.retry(session, _job_ids(stored), seconds, problem)
    return LogsRegistered(postponed=len(stored), problem=problem)


def _end(runtime: Runtime, stored: Sequence[StoredLogs], to: LogsState, problem: str = "") -> LogsRegistered:
    with runtime.session() as session:
        ended = len(log_archives.end(session, _job_ids(stored), to, problem))
    if to is LogsState.REFUSED:
        LOG.error("the logs of job %s can never be registered: %s", stored[0].jobsub_id, problem)
        return LogsRegistered(refused=ended, problem=problem)
    return LogsRegistered(logs=ended)


def _job_ids(stored: Iterable[StoredLogs]) -> list[int]:
    return [logs.job_id for logs in stored]

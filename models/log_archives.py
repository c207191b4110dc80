"""The logs.tgz of jobs: offered a place, stored by the job, then told to the catalogues by one agent at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from justin.states import LogsState
from models.database import Session
from models.moves import LOGS_EVENTS
from models.statements import jsonb, load

ACTOR: Final = "outputs"
PERIOD_SECONDS: Final = 1_000_000
"""So long a time shares a dataset; other systems compute its name from the time in the same way."""

_ASK = load("ask_for_logs")
_OFFER = load("offer_logs")
_OFFERED = load("offered_logs")
_CONFIRM = load("confirm_logs")
_LEASE = load("lease_logs")
_END = load("end_logs")
_RETRY = load("retry_logs")


@dataclass(frozen=True, slots=True)
class OfferedLogs:
    """What a job was told of its logs."""

    did: str
    state: LogsState
    offers: int
    """How often it has asked."""
    targets: Sequence[Mapping[str, Any]]
    """Where it may put them, in order; none before Rucio was asked, and none when they are stored."""


@dataclass(frozen=True, slots=True)
class StoredLogs:
    """The logs of a job that lie at a storage, and what the catalogues are to be told of them."""

    job_id: int
    did: str
    size_bytes: int
    adler32: str
    storage_id: int
    rse: str
    pfn: str
    period: int
    """The multiple of `PERIOD_SECONDS` in which they were stored."""
    attempts: int
    """This one included."""
    jobsub_id: str
    workflow_id: int | None
    stage_number: int | None
    site: str | None
    user: str | None
    hostname: str
    job_state: str
    jobscript_exit: int | None


def ask(session: Session, job_id: int, did: str) -> OfferedLogs:
    """Note that a job asks where to put its logs, and return what it was told before."""
    return _offered(_ASK.one(session, job_id=job_id, did=did))


def offer(session: Session, job_id: int, targets: Sequence[Mapping[str, Any]]) -> bool:
    """Keep where a job may put its logs; False when it has stored them already."""
    return bool(_OFFER.run(session, job_id=job_id, targets=jsonb(list(targets))))


def offered(session: Session, job_id: int) -> OfferedLogs | None:
    """Return what a job was told of its logs; None for one that has not asked."""
    rows = _OFFERED.run(session, job_id=job_id)
    return _offered(rows[0]) if rows else None


def confirm(session: Session, job_id: int, storage_id: int, pfn: str, size_bytes: int, adler32: str) -> bool:
    """Note where the logs of a job lie; False when that was known, and then nothing changes."""
    place = {"storage_id": storage_id, "pfn": pfn, "size_bytes": size_bytes, "adler32": adler32}
    return bool(_CONFIRM.run(session, job_id=job_id, period_seconds=PERIOD_SECONDS, **place))


def lease(session: Session, limit: int, seconds: float) -> list[StoredLogs]:
    """Take logs that the catalogues are to be told of for a while; they fall free when it is over."""
    return [StoredLogs(*row) for row in _LEASE.run(session, limit=limit, seconds=float(seconds))]


def end(session: Session, job_ids: Sequence[int], to: LogsState, message: str = "") -> list[int]:
    """Note that logs are registered, or never will be, and return the jobs of those that were waiting."""
    event = LOGS_EVENTS[LogsState.WAITING, to]
    return _END.ids(
        session, job_ids=list(job_ids), target=to.value, event_type=event.value, message=message, actor=ACTOR
    )


def retry(session: Session, job_ids: Sequence[int], seconds: float, error: str) -> None:
    """Give logs back, to be told after a while; `error` says why they could not be now."""
    _RETRY.run(session, job_ids=list(job_ids), seconds=float(seconds), error=error)


def _offered(row: tuple[Any, ...]) -> OfferedLogs:
    did, state, offers, targets = row
    return OfferedLogs(did, LogsState(state), offers, targets or ())

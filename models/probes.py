"""Probes: jobs that try what a site can read and write, what they found, and what follows from it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from models.database import Session
from models.matching import Slot
from models.statements import jsonb, load

_DUE_PROBES = load("due_probes")
_STORAGES_TO_PROBE = load("storages_to_probe")
_INSERT_PROBE = load("insert_probe")
_PROBE_JOB = load("probe_job")
_START_PROBE = load("start_probe")
_PUT_PROBE_RESULTS = load("put_probe_results")
_JUDGE_STORAGES = load("judge_storages")
_FORGET_PROBES = load("forget_probes")


@dataclass(frozen=True, slots=True)
class DueProbe:
    """Where a probe is to go."""

    site_id: int
    site: str
    gpu_entry: str
    """The entry with GPUs that it is for; empty for any entry of the site."""


@dataclass(frozen=True, slots=True)
class StorageToProbe:
    """A storage that jobs at a site may be sent to."""

    site_id: int
    storage_id: int
    rse: str
    distance: int
    readable: bool
    """As Rucio has it, like the next."""
    writable: bool
    any_read: bool | None
    """Whether the newest probe of any site could read there; None when none tried."""
    any_write: bool | None


@dataclass(frozen=True, slots=True)
class ProbeTask:
    """Where a probe belongs, and what it is to try."""

    site_id: int
    site: str
    gpu_entry: str
    trials: list[dict[str, Any]]
    """Empty once it has reported."""


@dataclass(frozen=True, slots=True)
class StorageResult:
    """What a probe found at a storage; None for what it did not try."""

    storage_id: int
    read_ok: bool | None = None
    read_seconds: float | None = None
    read_message: str = ""
    write_ok: bool | None = None
    write_seconds: float | None = None
    write_message: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a storage is withheld from the jobs of a site."""

    withhold: bool
    failures: int
    """How many of the last probes must all have failed."""
    valid_seconds: float
    """How long a result counts."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A storage that is not offered to a site as it was before."""

    site: str
    rse: str
    unreadable: bool
    unwritable: bool


def due(session: Session, every_seconds: float) -> list[DueProbe]:
    """List where the last probe was submitted so long ago or before, and has ended, or none ever was."""
    return [DueProbe(*row) for row in _DUE_PROBES.run(session, every_seconds=float(every_seconds))]


def storages(session: Session, site_ids: Sequence[int], valid_seconds: float) -> list[StorageToProbe]:
    """List what is to be tried from each of the sites, the nearest first."""
    rows = _STORAGES_TO_PROBE.run(session, site_ids=list(site_ids), valid_seconds=float(valid_seconds))
    return [StorageToProbe(*row) for row in rows]


def insert(session: Session, jobsub_id: str, place: DueProbe, trials: Sequence[Mapping[str, Any]]) -> None:
    """Make a job that is about to enter the pool a probe."""
    _INSERT_PROBE.run(
        session, jobsub_id=jobsub_id, site_id=place.site_id, gpu_entry=place.gpu_entry, trials=jsonb(list(trials))
    )


def task(session: Session, job_id: int) -> ProbeTask:
    """Return what a probe is to do."""
    site_id, site, gpu_entry, trials = _PROBE_JOB.one(session, job_id=job_id)
    return ProbeTask(site_id, site, gpu_entry, trials or [])


def start(session: Session, job_id: int, slot: Slot) -> None:
    """Move a submitted probe to started; one that is not submitted any more is left as it is."""
    _START_PROBE.run(session, job_id=job_id, **slot.described())


def put_results(session: Session, job_id: int, results: Sequence[StorageResult]) -> None:
    """Keep what a probe found; results that it has reported before stay."""
    _PUT_PROBE_RESULTS.run(session, job_id=job_id, results=jsonb([asdict(result) for result in results]))


def judge(session: Session, rule: Rule, actor: str, site_id: int | None = None) -> list[Judged]:
    """Withhold and offer storages as the rule has it, for one site or all; return what has changed."""
    return [Judged(*row) for row in _JUDGE_STORAGES.run(session, **asdict(rule), actor=actor, site_id=site_id)]


def forget(session: Session, seconds: float) -> None:
    """Forget what was found so long ago or before."""
    _FORGET_PROBES.run(session, seconds=float(seconds))

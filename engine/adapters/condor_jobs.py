"""Jobs of HTCondor in the words of the engine: their names, and what an ad says of their state."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from engine.pool_ports import PoolJob, PoolState

SPOOLING: Final = 16
"""The hold reason of a job whose files are still to come."""
KILLED: Final = 128
PERIODIC: Final = "PeriodicRemove expression"
BY_ITSELF: Final = "It lost its slot, ran for too long, or never got its files."
"""Instead of the expression that HTCondor shows; `engine.adapters.submit` writes it."""
LONGEST_REASON: Final = 2000
NEVER_STARTED: Final = "It was matched with a slot, and could not start there."

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
    def parse(cls, jobsub_id: str) -> Self | None:
        """Read `CLUSTER.PROC@SCHEDD`; None for another name."""
        key, _, schedd = jobsub_id.partition("@")
        cluster, _, proc = key.partition(".")
        return cls(int(cluster), int(proc), schedd) if cluster.isdecimal() and proc.isdecimal() and schedd else None

    @property
    def key(self) -> str:
        """What its schedd calls it."""
        return f"{self.cluster}.{self.proc}"

    @property
    def pair(self) -> tuple[int, int]:
        """What expressions compare."""
        return self.cluster, self.proc

    @property
    def jobsub_id(self) -> str:
        """What everybody calls it."""
        return f"{self.key}@{self.schedd}"


def named(schedd: str) -> str:
    """Return what messages call a schedd."""
    return f"HTCondor's schedd {schedd}"


def by_schedd(jobsub_ids: Iterable[str]) -> dict[str, list[JobName]]:
    """Return the jobs of each schedd; what is no name of a job is left out."""
    found: dict[str, list[JobName]] = defaultdict(list)
    for jobsub_id in jobsub_ids:
        job = JobName.parse(jobsub_id)
        if job:
            found[job.schedd].append(job)
    return dict(found)


def read(ad: Mapping[str, Any], schedd: str) -> PoolJob:
    """Return what a job's ad says."""
    jobsub_id = JobName(ad["ClusterId"], ad["ProcId"], schedd).jobsub_id
    state = STATES.get(ad["JobStatus"], PoolState.UNSEEN)
    if state is PoolState.HELD and ad.get("HoldReasonCode") == SPOOLING:
        state = PoolState.IDLE
    status = _exit_status(ad) if state is PoolState.COMPLETED else None
    return PoolJob(jobsub_id, state, status, _reason(ad, state), _details(ad, state))


def _reason(ad: Mapping[str, Any], state: PoolState) -> str:
    if state is PoolState.IDLE:
        said = str(ad.get("LastRejMatchReason", "")).strip()
        return said or (NEVER_STARTED if ad.get("NumJobMatches") else "")
    attribute = {PoolState.HELD: "HoldReason", PoolState.REMOVED: "RemoveReason"}.get(state, "")
    said = str(ad.get(attribute, ""))[:LONGEST_REASON]
    return BY_ITSELF if PERIODIC in said else said


def _details(ad: Mapping[str, Any], state: PoolState) -> dict[str, int]:
    names = {
        PoolState.HELD: {"HoldReasonCode": "hold_code", "HoldReasonSubCode": "hold_subcode"},
        PoolState.IDLE: {"NumJobMatches": "matches"},
    }
    return {ours: int(ad[name]) for name, ours in names.get(state, {}).items() if name in ad}


def _exit_status(ad: Mapping[str, Any]) -> int | None:
    if ad.get("ExitBySignal"):
        return KILLED + int(ad.get("ExitSignal", 0))
    code = ad.get("ExitCode")
    return int(code) if code is not None else None

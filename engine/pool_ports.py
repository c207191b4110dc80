"""What the engine asks of the pool of job slots; as `engine.ports`, of which it is the other half."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class JobTicket:
    """What one job of an order has for itself."""

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class GpuNeeds:
    """What each GPU of a job must be able to do; nothing is asked where there is nothing."""

    memory_bytes: int = 0
    min_capability: float = 0.0
    max_capability: float = 0.0
    min_runtime: float = 0.0
    """Of CUDA."""
    model: str = ""
    """A name, in which `*` stands for anything."""


@dataclass(frozen=True, slots=True)
class JobOrder:
    """Jobs of one requirement class to be put into the pool."""

    tickets: tuple[JobTicket, ...]
    wrapper: Path
    configuration: Mapping[str, Any]
    """The wrapper's job.json, the same for all; each job's own name is added by the pool."""
    processors: int
    rss_bytes: int
    wall_seconds: int
    gpus: int = 0
    gpu_needs: GpuNeeds = GpuNeeds()
    accounting_group: str = ""
    sites: tuple[str, ...] = ()
    """Sites where the jobs may run; any when empty."""
    entries: tuple[str, ...] = ()
    """Entries through which the jobs may come to their slots; any when empty."""
    open_sites: tuple[str, ...] = ()
    """Sites at which any entry will do, whatever `entries` says."""
    avoided: tuple[str, ...] = ()
    """Nodes where the jobs may not run, as `HOSTNAME@SITE`; a pool without names of nodes need not mind."""
    image: str = ""
    hint: str = ""
    """The stage that the factory had in mind, in the word of `engine.stage_hints`."""
    classads: Mapping[str, str] = field(default_factory=dict)


class PoolState(StrEnum):
    """What the pool says of a job."""

    IDLE = "idle"
    RUNNING = "running"
    HELD = "held"
    COMPLETED = "completed"
    REMOVED = "removed"
    UNSEEN = "unseen"
    """The part of the pool that has the job does not answer: nothing can be said of it."""


@dataclass(frozen=True, slots=True)
class PoolJob:
    """A job as the pool knows it."""

    jobsub_id: str
    state: PoolState
    exit_status: int | None = None
    reason: str = ""
    """Why it is held or was removed, or why it has no slot yet."""
    details: Mapping[str, int] = field(default_factory=dict)
    """Numbers that go with that, under the pool's names for them made plain."""


@dataclass(frozen=True, slots=True)
class PoolChanges:
    """What has become of the jobs of a part of the pool since a mark."""

    jobs: Mapping[str, PoolJob]
    mark_seconds: float
    """Where the next look begins, in the part's own time; some of this look is seen again then."""


@dataclass(frozen=True, slots=True)
class PoolLog:
    """What is known of how a job went."""

    wrapper: str
    """What its wrapper printed."""
    stderr: str = ""
    """What it, or what started it, printed as errors."""
    pool: str = ""
    """What the pool itself noted."""
    problem: str = ""
    """Why some of it could not be had; it may be had later."""


Announce = Callable[[Sequence[str]], None]
"""Told the jobsub ids of jobs before any of them can start."""


def nobody(jobsub_ids: Sequence[str]) -> None:
    """Tell nobody of new jobs."""


class BatchPool(Protocol):
    """HTCondor, or another thing with job slots."""

    def submit(self, order: JobOrder, announce: Announce = nobody) -> list[str]:
        """Put one job per ticket into the pool and return their jobsub ids, in the order of the tickets.

        `announce` is called when their ids are known and none has begun; when it raises, none ever begins.
        """
        ...

    def jobs(self, jobsub_ids: Iterable[str]) -> dict[str, PoolJob]:
        """Return those of the jobs that the pool still knows, ended ones included for some days."""
        ...

    def changes(self, marks: Mapping[str, float | None]) -> dict[str, PoolChanges]:
        """Return the jobs that ended or were held since the marks, for each part of the pool that answers.

        A part is what the names of its jobs have after their `@`. Without a mark nothing but a first one is returned.
        Not all that happens need be told: jobs that the pool has lost are not.
        """
        ...

    def remove(self, jobsub_ids: Iterable[str]) -> None:
        """Take jobs out of the pool; unknown ones are well.

        Raises `Unavailable` for a part that does not answer when all others have been told.
        """
        ...

    def logs(self, jobsub_ids: Iterable[str]) -> dict[str, PoolLog]:
        """Return the logs of ended jobs, for those of them that the pool still keeps."""
        ...

    def forget(self, jobsub_ids: Iterable[str]) -> None:
        """Let the pool drop what it keeps of ended jobs."""
        ...

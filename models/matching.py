"""Which stage a slot serves, and which files its job gets: decided when asked, on what is true at that moment."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any, Final

from models import filters
from models.database import Session
from models.statements import Connection, jsonb, load

SPREADS: Final = 2**31
"""Spreads of files are drawn from 0 up to here."""

BESIDE: Final = 0
ANYWHERE: Final = 100
"""How far to look: the least and the greatest distance that counts as in reach."""

_CHOICES: Final = 20

_CLAIM = load("claim_files")
_WAITING_FILE = load("waiting_file")
_WAIT_FOR_FILE = load("wait_for_file")
_NOTE_ASKING = load("note_asking")
_CHOOSE_STAGE = load(
    "choose_stage",
    filters=filters.all_met((*filters.ASKED, *filters.PLACED, *filters.FITTING)),
    stored=filters.all_met(filters.STORED),
)
_ENSURE_LOADS = load("ensure_loads")
_BIND_JOB = load("bind_job")


class Taste(IntEnum):
    """Which files a job would rather have; each takes all that the one before it takes."""

    NOT_FAILED_AT_SITE = 1
    NOT_FAILED_ON_NODE = 2
    ANY = 3


class ClaimOutcome(StrEnum):
    """Why a job was given what it was given."""

    GIVEN = "given"
    NONE_LEFT = "none_left"
    PAUSED = "paused"
    DISABLED = "disabled"
    AVOIDED = "avoided"
    CAP_REACHED = "cap_reached"
    JOB_ENDED = "job_ended"


@dataclass(frozen=True, slots=True)
class ClaimedFile:
    """A file that a job was given, with the address to read it from."""

    file_id: int
    did: str
    pfn: str
    rse: str
    distance: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What a job was given, or why it was given nothing."""

    outcome: ClaimOutcome
    files: tuple[ClaimedFile, ...] = ()
    asked_before: bool = False
    """Whether it is noted already that the job asks for files."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU of a slot; its memory in bytes."""

    name: str
    memory_bytes: int
    compute_capability: float
    runtime_version: float


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot that asks for work; `wall_seconds` is what is left of it."""

    site_id: int
    hostname: str
    processors: int
    rss_bytes: int
    wall_seconds: int
    entry_name: str = ""
    site_job_id: str = ""
    cpuinfo: str = ""
    os_release: str = ""
    wrapper_version: str = ""
    has_inner_apptainer: bool = False
    gpus: tuple[Gpu, ...] = ()
    gpu_details: Sequence[dict[str, Any]] = ()
    """All that is known of the GPUs, to be kept with the job."""

    def described(self) -> dict[str, object]:
        """Return the parameters of the statements that describe a job's slot."""
        return {
            "site_id": self.site_id,
            "entry_name": self.entry_name,
            "hostname": self.hostname,
            "site_job_id": self.site_job_id,
            "cpuinfo": self.cpuinfo,
            "os_release": self.os_release,
            "wrapper_version": self.wrapper_version,
            "processors": self.processors,
            "rss_bytes": self.rss_bytes,
            "wall_seconds": self.wall_seconds,
            "has_inner_apptainer": self.has_inner_apptainer,
            "gpu_details": jsonb({"gpus": list(self.gpu_details)} if self.gpu_details else None),
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """A stage that a slot can serve."""

    stage_id: int
    distance: int
    """Of its nearest waiting files."""


@dataclass(frozen=True, slots=True)
class _Binding:
    """What became of binding a job to a stage."""

    bound: bool
    counted: bool
    """Whether there are counts of the jobs of the stage and its quota, which the first job of a stage lacks."""
    submitted: bool
    """Whether the job waited for a stage when it was tried."""


def claim_files(session: Session, job_id: int, count: int = 1) -> Claim:
    """Give a job up to `count` of the nearest waiting files of its stage, each to one job only.

    Files that did not fail at this site come before those that did not fail on this node, and those before the
    rest. When others have locked all that is left, it waits for what becomes of them rather than answering that
    there is none; the session is to be one of single statements then, so that nobody waits for this claim meanwhile.
    Two calls of one job at the same instant may exceed the stage's files per job by one.
    """
    claim = claim_for_each(session, {job_id: count})[job_id]
    while claim.outcome == ClaimOutcome.NONE_LEFT and (file_id := waiting_file(session, job_id)):
        claim = _insist(session, job_id, count, file_id)
    if not claim.asked_before:
        note_asking(session, [job_id])
    return claim


def claim_for_each(
    where: Session | Connection, counts: Mapping[int, int], taste: Taste = Taste.NOT_FAILED_AT_SITE
) -> dict[int, Claim]:
    """Give each of several jobs, by its key, up to so many files that no other claim has in hand.

    A job that gets none may still find one with `claim_files`. That the jobs have asked is not noted.
    """
    # In the order of ids, as whoever ends jobs locks them.
    job_ids = sorted(counts)
    rows = _CLAIM.run(
        where,
        job_ids=job_ids,
        counts=[counts[job_id] for job_id in job_ids],
        starts=[_anywhere() for _ in counts],
        taste=int(taste),
    )
    claims = dict.fromkeys(counts, Claim(ClaimOutcome.JOB_ENDED, asked_before=True))
    for job_id, outcome, asked, *file in rows:
        if file[0] is None:
            claims[job_id] = Claim(ClaimOutcome(outcome), (), asked)
        else:
            claims[job_id] = Claim(ClaimOutcome.GIVEN, (*claims[job_id].files, ClaimedFile(*file)), asked)
    return claims


def note_asking(where: Session | Connection, job_ids: Sequence[int]) -> None:
    """Note that jobs ask for files: they are no longer among those that will."""
    _NOTE_ASKING.run(where, job_ids=list(job_ids))


def waiting_file(session: Session, job_id: int) -> int | None:
    """Return a file that waits and that the job could have, locked by others or not."""
    return next(iter(_WAITING_FILE.ids(session, job_id=job_id)), None)


def choose_stages(
    session: Session,
    slot: Slot,
    quota_id: int | None,
    *,
    lend_gpus: bool = False,
    reach: int = ANYWHERE,
    spare: bool = False,
    but: Collection[int] = (),
) -> list[Choice]:
    """Return the best of the stages that a slot can serve with files within `reach`, best first.

    `quota_id` is the quota that the job was submitted for; None serves any. Stages that ask for no GPU get slots
    with GPUs only when `lend_gpus` is set. With `spare` only stages count that have a file left when each job that
    was sent there and has not asked yet takes one. `but` are stages that do not count.
    """
    rows = _CHOOSE_STAGE.run(
        session,
        site_id=slot.site_id,
        quota_id=quota_id,
        processors=slot.processors,
        rss_bytes=slot.rss_bytes,
        wall_seconds=slot.wall_seconds,
        has_inner_apptainer=slot.has_inner_apptainer,
        lend_gpus=lend_gpus,
        reach=reach,
        spare=spare,
        but=list(but),
        limit=_CHOICES,
        **_gpu_parameters(slot.gpus),
    )
    nearest: dict[int, int] = {}
    for stage_id, distance in rows:
        nearest.setdefault(stage_id, distance)
    return [Choice(stage_id, distance) for stage_id, distance in nearest.items()]


def bind_job(session: Session, job_id: int, stage_id: int, slot: Slot) -> bool:
    """Move a submitted job to started for a stage, and return whether it was.

    It is not when the stage or its quota has reached its limit of jobs meanwhile, or the job is not submitted.
    """
    return _try(session, job_id, stage_id, slot).bound


def start_job(
    session: Session, job_id: int, slot: Slot, quota_id: int | None, *, lend_gpus: bool = False
) -> int | None:
    """Bind a submitted job to the best stage that has room, and return the stage; None when none has."""
    tried: set[int] = set()
    # Most slots find work beside them, and to look only there costs a fraction.
    for reach, spare in ((BESIDE, True), (ANYWHERE, True), (ANYWHERE, False)):
        # Others start too, and may take the last room of all that was chosen.
        while choices := choose_stages(
            session, slot, quota_id, lend_gpus=lend_gpus, reach=reach, spare=spare, but=tried
        ):
            # One stage is often chosen for several storages.
            for stage_id in dict.fromkeys(choice.stage_id for choice in choices):
                binding = _try(session, job_id, stage_id, slot)
                if binding.bound:
                    return stage_id
                if not binding.submitted:
                    return None
                tried.add(stage_id)
    return None


def _insist(session: Session, job_id: int, count: int, file_id: int) -> Claim:
    """Claim less and less choosily, and in the end wait for what becomes of a file that others have in hand."""
    for taste in (Taste.NOT_FAILED_ON_NODE, Taste.ANY):
        claim = claim_for_each(session, {job_id: count}, taste)[job_id]
        if claim.outcome != ClaimOutcome.NONE_LEFT:
            return claim
    _WAIT_FOR_FILE.run(session, file_id=file_id)
    return claim


def _anywhere() -> int:
    return random.randrange(SPREADS)  # noqa: S311  spreads the load, guards nothing


def _try(session: Session, job_id: int, stage_id: int, slot: Slot) -> _Binding:
    binding = _bind(session, job_id, stage_id, slot)
    if not binding.counted:
        _ENSURE_LOADS.run(session, stage_id=stage_id)
        binding = _bind(session, job_id, stage_id, slot)
    return binding


def _bind(session: Session, job_id: int, stage_id: int, slot: Slot) -> _Binding:
    return _Binding(*_BIND_JOB.one(session, job_id=job_id, stage_id=stage_id, **slot.described()))


def _gpu_parameters(gpus: Sequence[Gpu]) -> dict[str, object]:
    """Describe the GPUs by the weakest, for a job uses all of them."""
    capabilities = [Decimal(str(gpu.compute_capability)) for gpu in gpus] or [Decimal(0)]
    return {
        "gpus": len(gpus),
        "gpu_memory_bytes": min((gpu.memory_bytes for gpu in gpus), default=0),
        "gpu_lowest_capability": min(capabilities),
        "gpu_highest_capability": max(capabilities),
        "gpu_runtime": min((Decimal(str(gpu.runtime_version)) for gpu in gpus), default=Decimal(0)),
        "gpu_names": [gpu.name for gpu in gpus],
    }

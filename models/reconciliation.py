"""The reconciler's books: which workflow is checked next, how far a pass has come, and what it found."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Final

from justin.states import FindingKind, WorkflowState
from models import outbox
from models.database import Session
from models.datasets import DatasetKind
from models.moves import Reason
from models.outbox import OutboxItem
from models.statements import jsonb, load

_ADD = load("add_integrity_checks")
_TAKE = load("take_integrity_check")
_KEEP_MARK = load("keep_integrity_mark")
_END = load("end_integrity_check")
_POSTPONE = load("postpone_integrity_check")
_ASK = load("ask_integrity_check")
_PUT = load("put_findings")
_SETTLE = load("settle_findings")
_BROKEN = load("broken_outputs")
_REGISTERED = load("registered_outputs")
_ITEMS = load("registered_items")
_DROPPED = load("dropped_outputs")
_DATASETS = load("datasets_to_check")
_PLACE_MEMBERS = load("place_members")
_EXPECTED_MEMBERS = load("expected_members")
_CLOCK = load("clock")

METACAT: Final = "metacat"
RUCIO: Final = "rucio"


@dataclass(frozen=True, slots=True)
class Check:
    """A pass over one workflow that its holder goes on with."""

    workflow_id: int
    pass_number: int
    phase: str
    mark: str
    holder: str


@dataclass(frozen=True, slots=True)
class Found:
    """Something that is wrong."""

    kind: FindingKind
    did: str
    place: str
    expected: str
    found: str
    repairable: bool = False
    remedy: str = ""
    dataset: str = ""
    file_id: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a pass ended."""

    badge: str
    files: int
    findings: int
    repaired: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """An output that was dropped, and that no other of its name has replaced."""

    file_id: int
    did: str
    size_bytes: int
    adler32: str
    jobsub_id: str


@dataclass(frozen=True, slots=True)
class KnownDataset:
    """A dataset as the database knows it."""

    dataset_id: int
    did: str
    kind: DatasetKind
    output_id: int
    storage_id: int | None
    number: int | None
    closed: bool
    state: WorkflowState
    """Of its workflow."""
    expired: bool
    """Whether what keeps its files has outlived its time: nothing is to be expected of them any more."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When workflows are checked again, in seconds."""

    running_seconds: float
    finished_seconds: float
    rarest_seconds: float
    verify_seconds: float


def add_workflows(session: Session, running_seconds: float) -> None:
    """See that every workflow with datasets is checked: unfinished ones after a while."""
    _ADD.run(session, running_seconds=float(running_seconds))


def take(session: Session, holder: str, seconds: float) -> Check | None:
    """Take the workflow that is due for longest; a pass that was left is gone on with, else a new one begins."""
    rows = _TAKE.run(session, holder=holder, seconds=float(seconds))
    return Check(*rows[0]) if rows else None


def keep_mark(
    session: Session, check: Check, phase: str, mark: str, files: int, *, seconds: float, leave: bool = False
) -> bool:
    """Keep how far the pass is, and hold it for a while longer; False when it is no longer its holder's."""
    values = {"phase": phase, "mark": mark, "files": files, "leave": leave, "seconds": float(seconds)}
    return bool(_KEEP_MARK.run(session, workflow_id=check.workflow_id, holder=check.holder, **values))


def end(session: Session, check: Check, schedule: Schedule) -> Ended | None:
    """End the pass; None when it is no longer its holder's."""
    values = {name: float(value) for name, value in asdict(schedule).items()}
    rows = _END.run(session, workflow_id=check.workflow_id, holder=check.holder, **values)
    return Ended(*rows[0]) if rows else None


def postpone(session: Session, check: Check, reason: str, first_seconds: float, last_seconds: float) -> None:
    """Let the pass wait, ever longer, for a service; the badge is unknown meanwhile."""
    pauses = {"first_seconds": float(first_seconds), "last_seconds": float(last_seconds)}
    _POSTPONE.run(session, workflow_id=check.workflow_id, holder=check.holder, reason=reason, **pauses)


def ask(session: Session, workflow_id: int, because: Reason) -> None:
    """Let a workflow be checked in the next cycle."""
    asked = because.parameters()
    del asked["seconds"]
    _ASK.run(session, workflow_id=workflow_id, **asked)


def settle(
    session: Session,
    check: Check,
    found: Sequence[Found],
    kinds: Sequence[FindingKind],
    *,
    dids: Sequence[str] = (),
    dataset: str = "",
) -> int:
    """Keep what a look found; what an earlier look at the same files, or the same dataset, found and this one did not
    is repaired or was passing. Returns how much is repaired.
    """  # noqa: D205  one sentence
    same_pass = {"workflow_id": check.workflow_id, "pass_number": check.pass_number}
    findings = jsonb([asdict(each) for each in found])
    if found:
        _PUT.run(session, **same_pass, findings=findings)
    words = [kind.value for kind in kinds]
    return len(_SETTLE.run(session, **same_pass, findings=findings, kinds=words, dids=list(dids), dataset=dataset))


def broken(session: Session, check: Check, dids: Sequence[str]) -> set[str]:
    """Return those of the files that this pass found damaged and did not repair."""
    same_pass = {"workflow_id": check.workflow_id, "pass_number": check.pass_number}
    return {did for (did,) in _BROKEN.run(session, **same_pass, dids=list(dids))}


def registered(session: Session, workflow_id: int, after: str, limit: int) -> list[OutboxItem]:
    """Return a page of the outputs that the catalogues know, in the order of their names."""
    rows = _REGISTERED.run(session, workflow_id=workflow_id, after=after, limit=limit)
    return items(session, [file_id for file_id, _ in rows])


def items(session: Session, file_ids: Sequence[int]) -> list[OutboxItem]:
    """Return what the catalogues were told of outputs, in the order of their names."""
    rows = _ITEMS.run(session, file_ids=list(file_ids)) if file_ids else []
    kinds = outbox.output_kinds(session, {row[0] for row in rows})
    return [OutboxItem(kinds[row[0]], *row[1:]) for row in rows]


def dropped(session: Session, workflow_id: int, after: str, limit: int) -> list[Dropped]:
    """Return a page of dropped outputs, in the order of their names."""
    rows = _DROPPED.run(session, workflow_id=workflow_id, after=after, limit=limit)
    return [Dropped(*row) for row in rows]


def datasets(session: Session, workflow_id: int, after: int = 0, limit: int = 100_000) -> list[KnownDataset]:
    """Return the datasets of a workflow after that one."""
    known = [KnownDataset(*row) for row in _DATASETS.run(session, workflow_id=workflow_id, after=after, limit=limit)]
    return [replace(each, kind=DatasetKind(each.kind), state=WorkflowState(each.state)) for each in known]


def place_members(
    session: Session, workflow_id: int, dataset: KnownDataset, dids: Sequence[str]
) -> list[tuple[str, int | None, str]]:
    """Say what files in a dataset are to us: DID, key, and one of the words of the statement."""
    rows = _PLACE_MEMBERS.run(session, workflow_id=workflow_id, dids=list(dids), **_place(dataset))
    return [(row[0], row[1], row[2]) for row in rows]


def expected_members(
    session: Session, workflow_id: int, dataset: KnownDataset, before: datetime, after: str, limit: int
) -> list[tuple[int, str]]:
    """Return a page of the keys and DIDs of what the dataset has held since before that time."""
    page = {"before": before, "after": after, "limit": limit}
    rows = _EXPECTED_MEMBERS.run(session, workflow_id=workflow_id, **_place(dataset), **page)
    return [(row[0], row[1]) for row in rows]


def clock(session: Session) -> datetime:
    """Return the database's time."""
    now: datetime = _CLOCK.one(session)[0]
    return now


def _place(dataset: KnownDataset) -> dict[str, object]:
    return {
        "kind": dataset.kind.value,
        "output_id": dataset.output_id,
        "storage_id": dataset.storage_id,
        "number": dataset.number,
    }

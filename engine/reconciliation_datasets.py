"""Datasets of outputs as the database and both catalogues know them: compared, and mended as the policy says."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from engine import dataset_plans
from engine.chunks import chunks
from engine.dataset_plans import DatasetPlan
from engine.errors import Refused
from engine.ports import DatasetRecord
from engine.reconciliation_policy import remedy
from engine.runtime import Runtime
from justin.schemas.metadata import WORKFLOW_KEY
from justin.states import FindingKind, WorkflowState
from models import datasets, reconciliation
from models.datasets import DatasetKind
from models.reconciliation import METACAT, RUCIO, Check, Found, KnownDataset

LOG = logging.getLogger(__name__)

KINDS: Final = (
    FindingKind.DATASET_MISSING,
    FindingKind.DATASET_METADATA_LOST,
    FindingKind.DATASET_OPEN,
    FindingKind.DATASET_CLOSED,
    FindingKind.RULE_MISSING,
    FindingKind.RULE_DOUBLED,
)
MEMBER_KINDS: Final = (FindingKind.MEMBER_MISSING, FindingKind.FOREIGN_FILE)
ACTOR: Final = "reconciler"
FILES_PER_CALL: Final = 2000
SAME: Final = ("workflow_id", "stage_id", "pattern_id", "jobscript_sha256")
"""Keys of `dune.workflow` that never change; others may, with the version of the software that wrote them."""
OPEN: Final = frozenset({WorkflowState.RUNNING, WorkflowState.PAUSED})
STRANGER: Final = "a file that is not ours"
STRANGERS: Final = {
    "foreign": STRANGER,
    "elsewhere": "an output of the workflow that belongs elsewhere",
    "dropped": "an output that was dropped",
}


@dataclass(frozen=True, slots=True)
class Outside:
    """What a catalogue says of a dataset."""

    place: str
    known: DatasetRecord | None


def look(runtime: Runtime, check: Check, dataset: KnownDataset) -> list[Found]:
    """Say what is wrong with a dataset itself; nothing is asked of one that has outlived its time."""
    if dataset.expired:
        return []
    # What the database says must be so before and after the catalogues are asked: workflows end meanwhile.
    before = _again(runtime, check, dataset)
    outside = [
        Outside(RUCIO, runtime.rucio.dataset(dataset.did)),
        Outside(METACAT, runtime.metacat.dataset(dataset.did)),
    ]
    after = _again(runtime, check, dataset)
    found = [finding for each in outside for finding in _compare(each, before, after)]
    plan = _plan(runtime, check, dataset)
    if plan:
        found += _compare_plan(runtime, plan, outside)
    return found


def look_inside(runtime: Runtime, check: Check, dataset: KnownDataset) -> list[Found]:
    """Say what a dataset holds and should not, and what it does not hold, in both catalogues."""
    if dataset.expired:
        return []
    there = ((RUCIO, runtime.rucio.dataset(dataset.did)), (METACAT, runtime.metacat.dataset(dataset.did)))
    places = [place for place, known in there if known is not None]
    return [found for place in places for found in _Members(runtime, check, dataset, place).look()]


def repair_inside(runtime: Runtime, check: Check, dataset: KnownDataset, found: Sequence[Found]) -> dict[str, str]:
    """Put files into a dataset that nothing else is wrong with; returns as `repair`, raises `Unavailable`."""
    missing = {each.did for each in found if each.repairable}
    mendable = missing - _broken(runtime, check, sorted(missing))
    problems: dict[str, str] = {}
    plan = _plan(runtime, check, dataset)
    if plan and mendable:
        # A closed one takes nothing.
        problems |= _trying(dataset.did, lambda: _make(runtime, plan))
    for place, attach in ((RUCIO, runtime.rucio.attach), (METACAT, runtime.metacat.attach)):
        dids = sorted({each.did for each in found if each.place == place} & mendable)
        if dids:
            problems |= _trying(dids[0], partial(attach, dataset.did, dids))
    close_again(runtime, check)
    return problems


def repair(runtime: Runtime, check: Check, dataset: KnownDataset, found: Sequence[Found]) -> dict[str, str]:
    """Mend what can be mended, and return why not, by DID; raises `Unavailable`."""
    kinds = {each.kind for each in found if each.repairable}
    problems: dict[str, str] = {}
    plan = _plan(runtime, check, dataset)
    if plan and kinds - {FindingKind.DATASET_OPEN}:
        problems |= _trying(dataset.did, lambda: _make(runtime, plan))
    close_again(runtime, check)
    if FindingKind.DATASET_OPEN in kinds:
        problems |= _trying(dataset.did, lambda: _close(runtime, dataset.did))
    return problems


def close_again(runtime: Runtime, check: Check) -> None:
    """Close what a repair has opened of a finished workflow."""
    with runtime.session() as session:
        known = reconciliation.datasets(session, check.workflow_id)
        opened = datasets.open_of(session, check.workflow_id)
    if not known or known[0].state is not WorkflowState.FINISHED:
        return
    for dataset in opened:
        _close(runtime, dataset.did)
        with runtime.session() as session:
            datasets.closed(session, [dataset.dataset_id], ACTOR)


def _again(runtime: Runtime, check: Check, dataset: KnownDataset) -> KnownDataset:
    with runtime.session() as session:
        found = reconciliation.datasets(session, check.workflow_id, dataset.dataset_id - 1, 1)
    return found[0] if found else dataset


def _compare(outside: Outside, before: KnownDataset, after: KnownDataset) -> Iterator[Found]:
    if outside.known is None:
        yield _found(FindingKind.DATASET_MISSING, before, outside.place, "there", "unknown")
    elif outside.known.is_open and all(
        each.closed and each.state is WorkflowState.FINISHED for each in (before, after)
    ):
        yield _found(FindingKind.DATASET_OPEN, before, outside.place, "closed", "open")
    elif not outside.known.is_open and all(not each.closed and each.state in OPEN for each in (before, after)):
        yield _found(FindingKind.DATASET_CLOSED, before, outside.place, "open", "closed")


def _compare_plan(runtime: Runtime, plan: DatasetPlan, outside: Sequence[Outside]) -> Iterator[Found]:
    known = {each.place: each.known for each in outside}
    if known[METACAT] is not None and not _is_same(plan.metadata[WORKFLOW_KEY], known[METACAT].metadata):
        yield _plain(FindingKind.DATASET_METADATA_LOST, plan.did, METACAT, WORKFLOW_KEY, "other or no values")
    if known[RUCIO] is None or plan.rule is None:
        return
    rules = [rule for rule in runtime.rucio.rules(plan.did) if rule.rse_expression == plan.rule.rse_expression]
    ours = [rule for rule in rules if rule.account == plan.account]
    wanted = f"a rule of {plan.account} for {plan.rule.rse_expression}"
    if not ours:
        yield _plain(FindingKind.RULE_MISSING, plan.did, RUCIO, wanted, "none")
    elif len(rules) > 1:
        named = ", ".join(f"{rule.rule_id} of {rule.account}" for rule in rules)
        yield _plain(FindingKind.RULE_DOUBLED, plan.did, RUCIO, wanted, named, repairable=False)


def _is_same(expected: Any, metadata: Any) -> bool:
    about = metadata.get(WORKFLOW_KEY)
    return isinstance(about, dict) and all(about.get(key) == expected[key] for key in SAME)


class _Members:
    """What a catalogue has in a dataset, beside what should be there; memory holds a number for each file of it."""

    def __init__(self, runtime: Runtime, check: Check, dataset: KnownDataset, place: str) -> None:
        self._runtime = runtime
        self._check = check
        self._dataset = dataset
        self._place = place
        self._seen: set[int] = set()

    def look(self) -> Iterator[Found]:
        """Say what is in it and should not be, then what is not in it."""
        with self._runtime.session() as session:
            # Only what was told before the catalogue is asked can be missed.
            begun = reconciliation.clock(session)
        for chunk in chunks(self._listed(), FILES_PER_CALL):
            yield from self._strangers(chunk)
        after = ""
        while page := self._expected(begun, after):
            yield from self._missing(page)
            after = page[-1][1]

    def _listed(self) -> Iterator[str]:
        """Yield what is in it, as it arrives."""
        if self._place == RUCIO:
            scope, name = self._dataset.did.split(":", 1)
            files: Iterable[Any] = self._runtime.rucio.dataset_files(scope, name)
        else:
            files = self._runtime.metacat.query(f"files from {self._dataset.did}")
        for file in files:
            yield file.did

    def _strangers(self, dids: Sequence[str]) -> Iterator[Found]:
        with self._runtime.session() as session:
            placed = reconciliation.place_members(session, self._check.workflow_id, self._dataset, dids)
        for did, file_id, word in placed:
            if file_id is not None:
                self._seen.add(file_id)
            if word in STRANGERS:
                yield self._finding(FindingKind.FOREIGN_FILE, did, file_id, "no such file", STRANGERS[word])

    def _expected(self, begun: Any, after: str) -> list[tuple[int, str]]:
        with self._runtime.session() as session:
            return reconciliation.expected_members(
                session, self._check.workflow_id, self._dataset, begun, after, FILES_PER_CALL
            )

    def _missing(self, page: Sequence[tuple[int, str]]) -> Iterator[Found]:
        missing = {did: file_id for file_id, did in page if file_id not in self._seen}
        broken = _broken(self._runtime, self._check, list(missing)) if missing else set()
        for did, file_id in missing.items():
            # What a catalogue does not know at all is said once already.
            if did not in broken:
                yield self._finding(FindingKind.MEMBER_MISSING, did, file_id, "in the dataset", "not in it")

    def _finding(self, kind: FindingKind, did: str, file_id: int | None, expected: str, found: str) -> Found:
        repairable = kind is FindingKind.MEMBER_MISSING
        words = {"dataset": self._dataset.did, "file_id": file_id, "remedy": remedy(kind)}
        return Found(kind, did, self._place, expected, found, repairable, **words)  # type: ignore[arg-type]


def _broken(runtime: Runtime, check: Check, dids: Sequence[str]) -> set[str]:
    with runtime.session() as session:
        return reconciliation.broken(session, check, dids)


def _plan(runtime: Runtime, check: Check, dataset: KnownDataset) -> DatasetPlan | None:
    """Return what was told of the dataset; None while nothing in it is registered."""
    with runtime.session() as session:
        now = reconciliation.clock(session)
        first = reconciliation.expected_members(session, check.workflow_id, dataset, now, "", 1)
        items = reconciliation.items(session, [file_id for file_id, _ in first])
    numbers = {items[0].file_id: dataset.number} if items and dataset.kind is DatasetKind.NUMBERED else {}
    plans = dataset_plans.plan(items, {key: n for key, n in numbers.items() if n}, runtime.settings.instance)
    return next((plan for plan in plans if plan.did == dataset.did), None)


def _make(runtime: Runtime, plan: DatasetPlan) -> None:
    runtime.rucio.ensure_dataset(plan.did, plan.account)
    if plan.rule:
        runtime.rucio.ensure_rule(plan.did, plan.account, plan.rule.rse_expression, plan.rule.lifetime_seconds)
    runtime.metacat.ensure_dataset(plan.did, plan.metadata)
    with runtime.session() as session:
        datasets.remember(session, plan.dataset, ACTOR)


def _close(runtime: Runtime, did: str) -> None:
    runtime.rucio.close_dataset(did)
    runtime.metacat.close_dataset(did)


def _trying(did: str, act: Callable[[], None]) -> dict[str, str]:
    try:
        act()
    except Refused as error:
        return {did: str(error)}
    return {}


def _found(kind: FindingKind, dataset: KnownDataset, place: str, expected: str, found: str) -> Found:
    return _plain(kind, dataset.did, place, expected, found)


def _plain(kind: FindingKind, did: str, place: str, expected: str, found: str, *, repairable: bool = True) -> Found:
    return Found(kind, did, place, expected, found, repairable, remedy(kind), dataset=did)

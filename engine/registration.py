"""Telling Rucio and MetaCat of outputs, and reading back what they know; every step may be repeated."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Final, TypeVar

from engine import dataset_plans, stored_bytes
from engine.dataset_plans import DatasetPlan
from engine.errors import NameTaken, ServiceRefused, Unavailable
from engine.ports import FileRecord, NewFile
from engine.runtime import Runtime
from justin.schemas.metadata import STATUS_KEY, STRANGERS_KEY, WORKFLOW_KEY
from models import datasets
from models.datasets import DatasetKind
from models.outbox import OutboxItem

LOG = logging.getLogger(__name__)

UPLOADED: Final = "uploaded"
CONFIRMED: Final = "confirmed"
"""Both catalogues know the file, and it is in all its datasets."""

T = TypeVar("T")
U = TypeVar("U")


def register(runtime: Runtime, items: Sequence[OutboxItem]) -> None:
    """Make outputs known to both catalogues, in their datasets, and see that they are.

    Raises `Unavailable` when that may work later, and a `Refused` when one of them can never be registered: then some
    of them may be known.
    """
    stored_bytes.check(items)
    _check_names(runtime, items)
    plans = dataset_plans.plan(items, _numbers(runtime, items), runtime.settings.instance)
    made_before = _made_before(runtime, items)
    _make(runtime, [plan for plan in plans if plan.did not in made_before])
    try:
        _fill(runtime, items, plans)
    except ServiceRefused:
        # Perhaps a dataset that was made before is there no longer.
        _make(runtime, plans)
        _fill(runtime, items, plans)
    runtime.metacat.update_metadata([item.did for item in items], {STATUS_KEY: CONFIRMED})


def withdraw(runtime: Runtime, items: Sequence[OutboxItem]) -> None:
    """Retire those of the outputs that are known already, and take them out of their datasets; their bytes go too."""
    known = runtime.metacat.files([item.did for item in items], parents=False)
    runtime.metacat.retire([item.did for item in items if item.did in known and _is_ours(item, known[item.did])])
    for plan in dataset_plans.plan(items, _numbers(runtime, items), runtime.settings.instance):
        runtime.rucio.detach(plan.did, plan.dids)
    # Outside of any dataset no rule will ever let go of them.
    in_rucio = runtime.rucio.files([item.did for item in items])
    for item in items:
        if item.did in in_rucio and _alike(item, in_rucio[item.did]):
            runtime.rucio.retire(item.rse, [item.did])


def _check_names(runtime: Runtime, items: Sequence[OutboxItem]) -> None:
    """Raise `NameTaken` before anything is told: what Rucio knows once, it knows for ever."""
    known = runtime.metacat.files([item.did for item in items], parents=False)
    taken = [item.did for item in items if item.did in known and not _is_ours(item, known[item.did])]
    if taken:
        raise NameTaken(f"MetaCat knows another file of the name {taken[0]}.")


def _is_ours(item: OutboxItem, known: FileRecord) -> bool:
    about = known.metadata.get(WORKFLOW_KEY)
    return isinstance(about, Mapping) and about.get("job_id") == item.jobsub_id and _alike(item, known)


def _alike(item: OutboxItem, known: FileRecord) -> bool:
    return (known.size_bytes, known.adler32) == (item.size_bytes, item.adler32)


def _numbers(runtime: Runtime, items: Sequence[OutboxItem]) -> dict[int, int]:
    numbered = [item.file_id for item in items if item.output.rse_expression]
    if not numbered:
        return {}
    with runtime.session() as session:
        return datasets.numbers(session, numbered)


def _made_before(runtime: Runtime, items: Iterable[OutboxItem]) -> set[str]:
    with runtime.session() as session:
        return {
            dataset.did
            for workflow_id in sorted({item.output.workflow_id for item in items})
            for dataset in datasets.open_of(session, workflow_id)
        }


def _make(runtime: Runtime, plans: Sequence[DatasetPlan]) -> None:
    for plan in plans:
        runtime.rucio.ensure_dataset(plan.did, plan.account)
        if plan.rule:
            runtime.rucio.ensure_rule(plan.did, plan.account, plan.rule.rse_expression, plan.rule.lifetime_seconds)
        runtime.metacat.ensure_dataset(plan.did, plan.metadata)
        with runtime.session() as session:
            datasets.remember(session, plan.dataset)


def _fill(runtime: Runtime, items: Sequence[OutboxItem], plans: Sequence[DatasetPlan]) -> None:
    """Tell Rucio where the files lie, and then both catalogues the rest: whatever MetaCat knows can be read."""
    for rse, at_rse in groupby(sorted(items, key=lambda item: item.rse), key=lambda item: item.rse):
        runtime.rucio.register(rse, [NewFile(item.did, item.size_bytes, item.adler32) for item in at_rse])
    _both(lambda: _attach(runtime, items, plans), lambda: _declare(runtime, items, plans))


def _attach(runtime: Runtime, items: Sequence[OutboxItem], plans: Sequence[DatasetPlan]) -> None:
    runtime.rucio.attach_all({plan.did: plan.dids for plan in plans})
    known = runtime.rucio.files([item.did for item in items])
    _see("Rucio", (item.did for item in items if item.did not in known or not _alike(item, known[item.did])))


def _declare(runtime: Runtime, items: Sequence[OutboxItem], plans: Sequence[DatasetPlan]) -> None:
    parents = _known_parents(runtime, items)
    for plan in plans:
        if plan.dataset.kind is DatasetKind.RSE:
            runtime.metacat.declare(plan.did, [_declaration(item, parents) for item in plan.items])
        else:
            runtime.metacat.attach(plan.did, plan.dids)
    known = runtime.metacat.files([item.did for item in items], parents=False)
    _see("MetaCat", (item.did for item in items if item.did not in known or not _is_ours(item, known[item.did])))


def _see(catalogue: str, unknown: Iterable[str]) -> None:
    """Raise `Unavailable`, so that all is told again, unless a catalogue knows every file as it was told.

    That they are in their datasets is the catalogue's word, and the reconciler's to prove: to read a large dataset
    back with every batch would take longer than all else.
    """
    for did in unknown:
        raise Unavailable(f"{catalogue} does not know {did} as it was told.")


def _both(ask_rucio: Callable[[], T], ask_metacat: Callable[[], U]) -> tuple[T, U]:
    """Ask both catalogues at once, and return what they answer when both have."""
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(ask_metacat)
        answer = ask_rucio()
    return answer, asked.result()


def _known_parents(runtime: Runtime, items: Sequence[OutboxItem]) -> set[str]:
    """Return those of the parents that MetaCat knows: the files of a Rucio dataset may be strangers to it."""
    wanted = sorted({parent for item in items for parent in item.parents})
    known = set(runtime.metacat.files(wanted, parents=False)) if wanted else set()
    for missing in sorted(set(wanted) - known):
        LOG.warning("MetaCat does not know the parent %s", missing)
    return known


def _declaration(item: OutboxItem, known_parents: set[str]) -> NewFile:
    strangers = sorted({*item.metadata.get(STRANGERS_KEY, ()), *(set(item.parents) - known_parents)})
    return NewFile(
        did=item.did,
        size_bytes=item.size_bytes,
        adler32=item.adler32,
        metadata={**item.metadata, STATUS_KEY: UPLOADED, **({STRANGERS_KEY: strangers} if strangers else {})},
        parents=tuple(parent for parent in item.parents if parent in known_parents),
    )

"""The reconciler: compares, workflow by workflow, what all books say of the outputs, mends it, and gives a badge."""

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from engine import reconciliation_datasets, reconciliation_files, rights
from engine.errors import NotFound, Refused, Unavailable
from engine.rights import Act, Caller
from engine.runtime import Runtime
from justin.states import FindingKind
from models import reconciliation, submissions
from models.database import Session
from models.reconciliation import Check, Found, KnownDataset, Schedule

LOG = logging.getLogger(__name__)

DATASETS: Final = "datasets"
FILES: Final = "files"
DROPPED: Final = "dropped"
MEMBERS: Final = "members"
AFTER: Final = {DATASETS: FILES, FILES: DROPPED, DROPPED: MEMBERS}
"""Which phase of a pass comes after which: what is put into something, or registered for it, needs it to be there."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a cycle did."""

    workflow_id: int = 0
    badge: str = ""
    """Empty when the pass goes on in a later cycle."""
    files: int = 0
    findings: int = 0
    repaired: int = 0
    problem: str = ""

    def __bool__(self) -> bool:
        """Say whether there was a workflow to check."""
        return bool(self.workflow_id)


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a pass that is done."""

    mark: str
    files: int
    """Outputs that were looked at."""


def reconcile(runtime: Runtime) -> Reconciled:
    """Check the workflow that has been due for longest, for at most a slice of time; nothing when none is due."""
    settings = runtime.settings.reconciler
    with runtime.session() as session:
        reconciliation.add_workflows(session, settings.running_seconds)
        check = reconciliation.take(session, secrets.token_hex(8), settings.lease_seconds)
    if check is None:
        return Reconciled()
    try:
        return _go_on(runtime, check)
    except (Unavailable, Refused) as error:
        LOG.warning("the check of workflow %s waits: %s", check.workflow_id, error)
        with runtime.session() as session:
            pauses = (settings.first_retry_seconds, settings.last_retry_seconds)
            reconciliation.postpone(session, check, str(error), *pauses)
        return Reconciled(check.workflow_id, problem=str(error))


def ask(session: Session, caller: Caller, workflow_id: int, reason: str = "") -> None:
    """Let a workflow be checked in the next cycle."""
    workflow = submissions.lock_workflow(session, workflow_id)
    if workflow is None:
        raise NotFound(f"There is no workflow {workflow_id}.")
    rights.check(caller, Act.CHANGE_WORKFLOW, owner_id=workflow.user_id)
    reconciliation.ask(session, workflow_id, caller.because(reason))


def _go_on(runtime: Runtime, check: Check) -> Reconciled:
    """Do step after step, each kept before the next: one that dies is done again."""
    settings = runtime.settings.reconciler
    until = time.monotonic() + settings.slice_seconds
    phase, mark = check.phase, check.mark
    while True:
        step = _STEPS[phase](runtime, check, mark)
        if step is None and phase not in AFTER:
            return _end(runtime, check)
        phase, mark, files = (phase, step.mark, step.files) if step else (AFTER[phase], "", 0)
        leave = time.monotonic() > until
        with runtime.session() as session:
            seconds = settings.lease_seconds
            kept = reconciliation.keep_mark(session, check, phase, mark, files, seconds=seconds, leave=leave)
        if leave or not kept:
            return Reconciled(check.workflow_id)


def _end(runtime: Runtime, check: Check) -> Reconciled:
    settings = runtime.settings.reconciler
    schedule = Schedule(
        settings.running_seconds, settings.finished_seconds, settings.rarest_seconds, settings.verify_seconds
    )
    with runtime.session() as session:
        ended = reconciliation.end(session, check, schedule)
    if ended is None:
        return Reconciled(check.workflow_id)
    LOG.info("workflow %s is %s: %s", check.workflow_id, ended.badge, ended)
    return Reconciled(check.workflow_id, ended.badge, ended.files, ended.findings, ended.repaired)


def _files(runtime: Runtime, check: Check, mark: str) -> Step | None:
    with runtime.session() as session:
        page = reconciliation.registered(session, check.workflow_id, mark, runtime.settings.reconciler.page)
        expired = {
            (dataset.output_id, dataset.storage_id)
            for dataset in reconciliation.datasets(session, check.workflow_id)
            if dataset.expired and dataset.storage_id is not None
        }
    if not page:
        return None
    items = [item for item in page if (item.output.output_id, item.storage_id) not in expired]

    def repair(found: Sequence[Found]) -> dict[str, str]:
        problems = reconciliation_files.repair(runtime, items, found)
        reconciliation_datasets.close_again(runtime, check)
        return problems

    _Looks(runtime, check, reconciliation_files.KINDS, dids=[item.did for item in items]).settle(
        lambda: reconciliation_files.look(runtime, items, check.pass_number), repair
    )
    return Step(page[-1].did, len(items))


def _dropped(runtime: Runtime, check: Check, mark: str) -> Step | None:
    with runtime.session() as session:
        page = reconciliation.dropped(session, check.workflow_id, mark, runtime.settings.reconciler.page)
    if not page:
        return None

    def repair(found: Sequence[Found]) -> dict[str, str]:
        reconciliation_files.retire(runtime, found)
        return {}

    _Looks(runtime, check, [FindingKind.DROPPED_FILE_KNOWN], dids=[each.did for each in page]).settle(
        lambda: reconciliation_files.look_dropped(runtime, page), repair
    )
    return Step(page[-1].did, 0)


def _datasets(runtime: Runtime, check: Check, mark: str) -> Step | None:
    def settle(dataset: KnownDataset) -> None:
        _Looks(runtime, check, reconciliation_datasets.KINDS, dataset=dataset.did).settle(
            lambda: reconciliation_datasets.look(runtime, check, dataset),
            lambda found: reconciliation_datasets.repair(runtime, check, dataset, found),
        )

    return _next_dataset(runtime, check, mark, settle)


def _members(runtime: Runtime, check: Check, mark: str) -> Step | None:
    def settle(dataset: KnownDataset) -> None:
        _Looks(runtime, check, reconciliation_datasets.MEMBER_KINDS, dataset=dataset.did).settle(
            lambda: reconciliation_datasets.look_inside(runtime, check, dataset),
            lambda found: reconciliation_datasets.repair_inside(runtime, check, dataset, found),
        )

    return _next_dataset(runtime, check, mark, settle)


def _next_dataset(runtime: Runtime, check: Check, mark: str, settle: Callable[[KnownDataset], None]) -> Step | None:
    with runtime.session() as session:
        page = reconciliation.datasets(session, check.workflow_id, int(mark or 0), 1)
    for dataset in page:
        settle(dataset)
        return Step(str(dataset.dataset_id), 0)
    return None


class _Looks:
    """Looks at the same things, the later ones to see what became of what the first found."""

    def __init__(
        self,
        runtime: Runtime,
        check: Check,
        kinds: Sequence[FindingKind],
        *,
        dids: Sequence[str] = (),
        dataset: str = "",
    ) -> None:
        self._runtime = runtime
        self._check = check
        self._kinds = kinds
        self._dids = dids
        self._dataset = dataset

    def settle(self, look: Callable[[], list[Found]], repair: Callable[[Sequence[Found]], Mapping[str, str]]) -> None:
        """Look, mend, and look again; what is found is kept before it is mended, so that a death hides nothing."""
        found = look()
        self._keep(found)
        if not found:
            return
        problems = repair(found) if any(each.repairable for each in found) else {}
        self._keep([_explained(each, problems) for each in look()])

    def _keep(self, found: Sequence[Found]) -> None:
        with self._runtime.session() as session:
            reconciliation.settle(session, self._check, found, self._kinds, dids=self._dids, dataset=self._dataset)


def _explained(found: Found, problems: Mapping[str, str]) -> Found:
    why = problems.get(found.did)
    return replace(found, remedy=f"{why} {found.remedy}") if why else found


_STEPS: Final[Mapping[str, Callable[[Runtime, Check, str], Step | None]]] = {
    DATASETS: _datasets,
    FILES: _files,
    DROPPED: _dropped,
    MEMBERS: _members,
}

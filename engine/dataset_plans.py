"""Which datasets outputs belong into, with what the catalogues are told of each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import justin
from engine import dataset_names
from engine.dataset_names import Pattern
from justin.schemas.metadata import WORKFLOW_KEY
from models.datasets import DatasetKind, NewDataset
from models.outbox import OutboxItem, OutputKind


@dataclass(frozen=True, slots=True)
class Rule:
    """What keeps the files of a dataset somewhere."""

    rse_expression: str
    lifetime_seconds: int | None


@dataclass(frozen=True, slots=True)
class DatasetPlan:
    """A dataset, and the outputs of one batch that belong into it."""

    dataset: NewDataset
    account: str
    metadata: Mapping[str, Any]
    rule: Rule | None
    items: list[OutboxItem] = field(default_factory=list)

    @property
    def did(self) -> str:
        """The dataset's DID."""
        return f"{self.dataset.scope}:{self.dataset.name}"

    @property
    def dids(self) -> list[str]:
        """The DIDs of the outputs."""
        return [item.did for item in self.items]


def plan(items: Sequence[OutboxItem], numbers: Mapping[int, int], instance: str) -> list[DatasetPlan]:
    """Return the datasets that the outputs belong into, those by storage first.

    `numbers` says which numbered dataset each file is in; those that are in none are left out of it.
    """
    plans: dict[str, DatasetPlan] = {}
    for item in items:
        for wanted in _datasets(item, numbers.get(item.file_id), instance):
            plans.setdefault(wanted.did, wanted).items.append(item)
    order = list(DatasetKind)
    return sorted(plans.values(), key=lambda each: order.index(each.dataset.kind))


def _datasets(item: OutboxItem, number: int | None, instance: str) -> Iterator[DatasetPlan]:
    kind = item.output
    pattern = Pattern(kind.workflow_id, kind.stage_number, kind.pattern_id, kind.destination)
    of_storage = dataset_names.of_storage(pattern, instance, item.rse)
    yield _plan(
        kind, instance, of_storage, DatasetKind.RSE, Rule(item.rse, kind.lifetime_seconds), storage_id=item.storage_id
    )
    yield _plan(kind, instance, dataset_names.destination(pattern, instance), DatasetKind.DESTINATION)
    if kind.rse_expression and number is not None:
        name = dataset_names.numbered(pattern, instance, number)
        rule = Rule(kind.rse_expression, kind.lifetime_seconds)
        yield _plan(kind, instance, name, DatasetKind.NUMBERED, rule, number=number)


def _plan(
    kind: OutputKind, instance: str, name: str, of: DatasetKind, rule: Rule | None = None, **place: int
) -> DatasetPlan:
    dataset = NewDataset(kind.scope, name, of, kind.workflow_id, kind.stage_id, kind.output_id, **place)
    return DatasetPlan(dataset, kind.account, {WORKFLOW_KEY: description(kind, instance)}, rule)


def description(kind: OutputKind, instance: str) -> dict[str, Any]:
    """Return how the files of a dataset were made: enough to make them again with nothing but the catalogues."""
    return {
        "workflow_id": kind.workflow_id,
        "stage_id": kind.stage_number,
        "pattern_id": kind.pattern_id,
        "file_pattern": kind.pattern,
        "user": kind.user,
        "processors": kind.processors,
        "rss_bytes": kind.rss_bytes,
        "wall_seconds": kind.wall_seconds,
        "jobscript_image": kind.image,
        # Later stages take what the stage before them made, whatever the query was.
        **({"mql": kind.mql} if kind.stage_number == 1 else {}),
        **_code(kind),
        **_needs(kind),
        **_whereabouts(kind),
        "justin_version": justin.__version__,
        "instance": instance,
    }


def _code(kind: OutputKind) -> dict[str, Any]:
    return {
        "jobscript": kind.jobscript,
        "jobscript_sha256": kind.jobscript_sha256,
        "jobscript_git": kind.jobscript_git,
        "jobscript_commit": kind.jobscript_commit,
        "git_repos": kind.repositories,
        "image_digest": kind.image_digest,
        "environment": kind.environment,
    }


def _needs(kind: OutputKind) -> dict[str, Any]:
    return {
        "gpus": kind.gpus,
        **(kind.gpu_needs if kind.gpus else {}),
        "max_distance": kind.max_distance,
        "max_files_per_job": kind.max_files_per_job,
        "classads": kind.classads or {},
    }


def _whereabouts(kind: OutputKind) -> dict[str, Any]:
    return {
        "destination": kind.destination,
        "lifetime_seconds": kind.lifetime_seconds,
        "rse_expression": kind.rse_expression,
        "next_stage": kind.for_next_stage,
    }

"""The datasets that hold outputs, as the catalogues were told of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

from models.database import Session
from models.statements import load

NUMBERED_SIZE: Final = 1000
"""The most files of a numbered dataset."""

_LOCK_OUTPUT_KINDS = load("lock_output_kinds")
_NUMBER_FILES = load("number_files")
_REMEMBER = load("remember_dataset")
_OPEN = load("open_datasets")
_CLOSE = load("close_datasets")


class DatasetKind(StrEnum):
    """What a dataset is for."""

    RSE = "rse"
    """Its rule keeps the files at one storage."""
    NUMBERED = "numbered"
    """Its rule brings at most `NUMBERED_SIZE` files where the user wants them."""
    DESTINATION = "destination"
    """Users look for the files in it."""


@dataclass(frozen=True, slots=True)
class NewDataset:
    """A dataset that the catalogues were told of."""

    scope: str
    name: str
    kind: DatasetKind
    workflow_id: int
    stage_id: int
    output_id: int
    storage_id: int | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class OpenDataset:
    """A dataset that is not closed."""

    dataset_id: int
    did: str


def numbers(session: Session, file_ids: Sequence[int], size: int = NUMBERED_SIZE) -> dict[int, int]:
    """Return the numbers, from 1, of the numbered datasets of outputs in the outbox, by file.

    Each file gets its number once, and keeps it; a number is given to at most `size` files of a kind of output.
    """
    _LOCK_OUTPUT_KINDS.run(session, file_ids=list(file_ids))
    return dict(_NUMBER_FILES.run(session, file_ids=list(file_ids), size=size))


def remember(session: Session, dataset: NewDataset, actor: str = "outputs") -> bool:
    """Keep that a dataset exists and is open; False when it was known to exist."""
    return bool(_REMEMBER.run(session, **asdict(dataset), actor=actor))


def open_of(session: Session, workflow_id: int) -> list[OpenDataset]:
    """List the datasets of a workflow that are not closed."""
    return [OpenDataset(*row) for row in _OPEN.run(session, workflow_id=workflow_id)]


def closed(session: Session, dataset_ids: Sequence[int], actor: str = "completion") -> list[int]:
    """Keep that datasets are closed, and return those that were not known to be."""
    return _CLOSE.ids(session, dataset_ids=list(dataset_ids), actor=actor)

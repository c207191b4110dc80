"""The datasets that hold the logs of jobs: one per storage and period, made before they are needed."""

from collections.abc import Iterable
from dataclasses import dataclass

from models.database import Session
from models.log_archives import PERIOD_SECONDS
from models.statements import load

_MISSING = load("missing_log_datasets")
_MADE = load("made_log_datasets")
_REMEMBER = load("remember_log_dataset")


@dataclass(frozen=True, slots=True, order=True)
class LogDataset:
    """A dataset for the logs of a period at a storage."""

    period: int
    storage_id: int
    rse: str


def missing(session: Session, ahead: int) -> list[LogDataset]:
    """List the datasets of this period and of so many later ones that have not been made, the earliest first."""
    return [LogDataset(*row) for row in _MISSING.run(session, period_seconds=PERIOD_SECONDS, ahead=ahead)]


def made(session: Session, datasets: Iterable[LogDataset]) -> set[LogDataset]:
    """Return those of the datasets that have been made."""
    wanted = set(datasets)
    known = {tuple(row) for row in _MADE.run(session, periods=sorted({each.period for each in wanted}))}
    return {each for each in wanted if (each.period, each.storage_id) in known}


def remember(session: Session, dataset: LogDataset) -> None:
    """Keep that a dataset has been made."""
    _REMEMBER.run(session, period=dataset.period, storage_id=dataset.storage_id)

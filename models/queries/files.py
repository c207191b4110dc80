"""Files of a workflow, their copies, and the datasets that hold its outputs."""

from dataclasses import asdict, dataclass
from datetime import datetime

from justin.states import FileState
from models.database import Session
from models.statements import load

_LIST_FILES = load("list_files")
_LIST_REPLICAS = load("list_replicas")
_LIST_DATASETS = load("list_datasets")

MAX_DATASETS = 10_000


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file; `stage_id` is the number of the stage that takes it."""

    file_id: int
    workflow_id: int
    stage_id: int | None
    did: str
    state: FileState
    allocations: int
    jobsub_id: str | None
    creator_jobsub_id: str | None
    size_bytes: int | None
    adler32: str | None


@dataclass(frozen=True, slots=True)
class ReplicaRow:
    """A copy of a file."""

    file_id: int
    did: str
    rse: str
    wan_pfn: str
    lan_pfn: str | None


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A dataset; `stage_id` is the number of the stage whose outputs it holds."""

    did: str
    kind: str
    stage_id: int
    pattern_id: int
    rse: str | None
    files: int
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files of a workflow; what is None does not matter. `stage_id` is the stage's number."""

    workflow_id: int
    stage_id: int | None = None
    state: FileState | None = None
    did: str | None = None


def list_files(session: Session, wanted: FileFilter, limit: int, after: int = 0) -> list[FileRow]:
    """List files in the order in which they became known; `after` is the key of the last one seen."""
    rows = _LIST_FILES.run(session, **asdict(wanted), limit=limit, after=after)
    return [FileRow(*(*row[:4], FileState(row[4]), *row[5:])) for row in rows]


def list_replicas(session: Session, file_ids: list[int]) -> list[ReplicaRow]:
    """List every copy of the files."""
    return [ReplicaRow(*row) for row in _LIST_REPLICAS.run(session, file_ids=file_ids)]


def list_datasets(session: Session, workflow_id: int) -> list[DatasetRow]:
    """List the datasets of a workflow's outputs, at most `MAX_DATASETS` of them."""
    rows = _LIST_DATASETS.run(session, workflow_id=workflow_id, limit=MAX_DATASETS)
    return [DatasetRow(*row) for row in rows]

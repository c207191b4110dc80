"""Files of a workflow, their copies, and the datasets that hold its outputs."""

from dataclasses import asdict, dataclass

from justin.schemas.views import DatasetView, FileView, ReplicaView
from justin.states import FileState
from models.database import Session
from models.statements import load

_LIST_FILES = load("list_files")
_LIST_REPLICAS = load("list_replicas")
_LIST_DATASETS = load("list_datasets")

MAX_DATASETS = 10_000


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files of a workflow; what is None does not matter. `stage_id` is the stage's number."""

    workflow_id: int
    stage_id: int | None = None
    state: FileState | None = None
    did: str | None = None


def list_files(session: Session, wanted: FileFilter, limit: int, after: int = 0) -> list[FileView]:
    """List the inputs of each stage by DID, then what no stage takes; `after` is the key of the last one seen."""
    return _LIST_FILES.read(session, FileView, **asdict(wanted), limit=limit, after=after)


def list_replicas(session: Session, file_ids: list[int]) -> list[ReplicaView]:
    """List every copy of the files."""
    return _LIST_REPLICAS.read(session, ReplicaView, file_ids=file_ids)


def list_datasets(session: Session, workflow_id: int) -> list[DatasetView]:
    """List the datasets of a workflow's outputs, at most `MAX_DATASETS` of them."""
    return _LIST_DATASETS.read(session, DatasetView, workflow_id=workflow_id, limit=MAX_DATASETS)

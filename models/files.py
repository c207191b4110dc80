"""Input and output files, where they lie, and the index that finds the nearest waiting one."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from justin.states import FileState
from models.columns import big_key, moment, now, words

RANDOM = text("(random() * 2147483647)::int")

_IS_INPUT = text("stage_id IS NOT NULL AND state <> 'dropped'")
_IS_DROPPED = text("creator_job_id IS NOT NULL AND state = 'dropped'")
_IS_OUTPUT = text("creator_job_id IS NOT NULL AND state <> 'dropped'")


class File(SQLModel, table=True):
    """A file that a stage takes, a job made, or both.

    `placement_id` names the set of storages from which it can be read; together with `spread`, a random number, it
    lets many jobs claim different files at once without meeting at the head of one index.
    """

    __tablename__ = "files"
    __table_args__ = (
        Index("files_input", "stage_id", "did", unique=True, postgresql_where=_IS_INPUT),
        Index("files_output", "workflow_id", "did", unique=True, postgresql_where=_IS_OUTPUT),
        Index("files_dropped", "workflow_id", "did", postgresql_where=_IS_DROPPED),
        Index("files_waiting", "stage_id", "placement_id", "spread", postgresql_where=text("state = 'unallocated'")),
        Index("files_held", "stage_id", "job_id", postgresql_where=text("state IN ('allocated', 'outputting')")),
        Index("files_finding", "stage_id", "file_id", postgresql_where=text("state = 'finding'")),
        Index("files_made", "creator_job_id", postgresql_where=text("creator_job_id IS NOT NULL")),
        Index("files_uploading", "workflow_id", postgresql_where=text("state IN ('recorded', 'uploaded')")),
    )

    file_id: int | None = big_key()
    workflow_id: int
    stage_id: int | None = None
    """The stage that takes it as an input; null for what no stage takes."""
    did: str
    state: FileState = Field(sa_type=words(FileState))
    placement_id: int | None = None
    spread: int = Field(default=None, sa_type=Integer, nullable=False, sa_column_kwargs={"server_default": RANDOM})
    allocations: int = 0
    job_id: int | None = Field(default=None, sa_type=BigInteger)
    """The job that holds it, or held it last."""
    failed_site_id: int | None = None
    """Where it was when it last came back unprocessed."""
    failed_host: str | None = None
    creator_job_id: int | None = Field(default=None, sa_type=BigInteger)
    output_id: int | None = None
    size_bytes: int | None = Field(default=None, sa_type=BigInteger)
    adler32: str | None = None


class Replica(SQLModel, table=True):
    """A copy of a file at a storage, and the addresses that reach it."""

    __tablename__ = "replicas"

    file_id: int = Field(primary_key=True, sa_type=BigInteger)
    storage_id: int = Field(primary_key=True)
    wan_pfn: str
    lan_pfn: str | None = None
    """Null when it is the same as from outside."""
    accessible_until: datetime | None = moment(default=None)
    """For copies brought online from tape; null when always there."""


class ScratchFile(SQLModel, table=True):
    """Where an output lies that no catalogue is told of."""

    __tablename__ = "scratch_files"

    file_id: int = Field(primary_key=True, sa_type=BigInteger)
    url: str


class Placement(SQLModel, table=True):
    """A set of storages from which files can be read; a stage's inputs have few different ones."""

    __tablename__ = "placements"

    placement_id: int | None = Field(default=None, primary_key=True)
    storage_ids: list[int] = Field(sa_type=ARRAY(Integer), unique=True)
    """In ascending order; without tapes, unless the copies there were brought online."""


class StagePlacement(SQLModel, table=True):
    """A placement that some input of a stage has or had, listed under each of its storages."""

    __tablename__ = "stage_placements"

    stage_id: int = Field(primary_key=True)
    storage_id: int = Field(primary_key=True)
    placement_id: int = Field(primary_key=True)


class Dataset(SQLModel, table=True):
    """A dataset that the system keeps in Rucio and MetaCat for a workflow's outputs."""

    __tablename__ = "datasets"
    __table_args__ = (Index("datasets_did", "scope", "name", unique=True),)

    dataset_id: int | None = Field(default=None, primary_key=True)
    scope: str
    name: str
    kind: str
    """`rse`, `numbered` or `destination`."""
    workflow_id: int = Field(index=True)
    stage_id: int
    output_id: int
    storage_id: int | None = None
    number: int | None = None
    files: int = 0
    created_at: datetime = now()
    closed_at: datetime | None = moment(default=None)

"""What happened, what is still to be told to the catalogues, and which agent works on what."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field, SQLModel

from justin.states import EventType, LogsState, OutboxState, Source
from models.columns import NOW, big_key, document, moment, now, words

NEXT_EVENT_ID: Final = text(
    "CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('events_event_id_seq'::regclass) END"
)
"""The transaction has its number before the event has: `models/horizon.py` relies on it."""


class Event(SQLModel, table=True):
    """One thing that happened; written in the statement that made it happen, never changed.

    The table is kept in partitions by month. Each index ends in the id, so that any filter finds the newest first.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("events_workflow", "workflow_id", "event_id"),
        Index("events_type", "event_type", "event_id"),
        Index("events_time", "time"),
        Index("events_file", "file_id", "event_id", postgresql_where=text("file_id IS NOT NULL")),
        Index("events_job", "job_id", "event_id", postgresql_where=text("job_id IS NOT NULL")),
        Index("events_site", "site_id", "event_id", postgresql_where=text("site_id IS NOT NULL")),
        Index("events_entry", "entry_name", "event_id", postgresql_where=text("entry_name IS NOT NULL")),
        Index("events_storage", "storage_id", "event_id", postgresql_where=text("storage_id IS NOT NULL")),
        Index("events_person", "actor", "event_id", postgresql_where=text("source IS NOT NULL")),
        {"postgresql_partition_by": "RANGE (time)"},
    )

    event_id: int | None = Field(
        default=None, primary_key=True, sa_type=BigInteger, sa_column_kwargs={"server_default": NEXT_EVENT_ID}
    )
    time: datetime = moment(default=None, primary_key=True, nullable=False, sa_column_kwargs={"server_default": NOW})
    event_type: EventType = Field(sa_type=words(EventType))
    actor: str = ""
    """The user, or the component, that did it."""
    source: Source | None = Field(default=None, sa_type=words(Source))
    """By which way a person did it; null when it was no person."""
    workflow_id: int | None = None
    campaign_id: int | None = None
    stage_id: int | None = None
    file_id: int | None = Field(default=None, sa_type=BigInteger)
    job_id: int | None = Field(default=None, sa_type=BigInteger)
    jobscript_exit: int | None = None
    site_id: int | None = None
    entry_name: str | None = None
    storage_id: int | None = None
    seconds: float | None = None
    details: dict[str, Any] | None = document()


class RecordedOutput(SQLModel, table=True):
    """What a job said of an output before it uploads it; gone when the output is confirmed or dropped."""

    __tablename__ = "recorded_outputs"

    file_id: int = Field(primary_key=True, sa_type=BigInteger)
    file_metadata: dict[str, Any] | None = document()
    """What MetaCat is to be told, complete."""
    parents: list[str] | None = document()
    """DIDs."""
    targets: list[Any] | None = document()
    """Where the job may put it, in order, as it was told."""


class Outbox(SQLModel, table=True):
    """An uploaded output that the catalogues do not know yet."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("outbox_due", "next_attempt_at", postgresql_where=text("state = 'waiting'")),
        Index("outbox_job", "job_id"),
    )

    outbox_id: int | None = big_key()
    file_id: int = Field(unique=True, sa_type=BigInteger)
    job_id: int = Field(sa_type=BigInteger)
    workflow_id: int
    state: OutboxState = Field(default=OutboxState.WAITING, sa_type=words(OutboxState))
    storage_id: int
    """Where the bytes are."""
    pfn: str
    file_metadata: dict[str, Any] | None = document()
    """What MetaCat is to be told, complete."""
    parents: list[str] | None = document()
    """DIDs."""
    dataset_number: int | None = None
    """Of the numbered dataset that it goes into, from 1; null until it is assigned, or when there are none."""
    attempts: int = 0
    next_attempt_at: datetime = now()
    leased_until: datetime | None = moment(default=None)
    last_error: str = ""
    created_at: datetime = now()
    done_at: datetime | None = moment(default=None)


class LogArchive(SQLModel, table=True):
    """The logs.tgz of a job: where it may be put, then where it lies, and whether the catalogues know it."""

    __tablename__ = "log_archives"
    __table_args__ = (Index("log_archives_due", "next_attempt_at", postgresql_where=text("state = 'waiting'")),)

    job_id: int = Field(primary_key=True, sa_type=BigInteger)
    did: str
    state: LogsState = Field(default=LogsState.OFFERED, sa_type=words(LogsState))
    offers: int = 1
    """How often the job has asked where to put it."""
    targets: list[Any] | None = document()
    """Where the job may put it, in order, as it was told; null before and after that."""
    storage_id: int | None = None
    """Where it lies; null until the job has said so, as the next four."""
    pfn: str | None = None
    size_bytes: int | None = Field(default=None, sa_type=BigInteger)
    adler32: str | None = None
    period: int | None = Field(default=None, sa_type=BigInteger)
    """The multiple of 1,000,000 s in which it was stored: it names the dataset."""
    attempts: int = 0
    next_attempt_at: datetime = now()
    leased_until: datetime | None = moment(default=None)
    last_error: str = ""
    created_at: datetime = now()
    done_at: datetime | None = moment(default=None)


class LogDataset(SQLModel, table=True):
    """A dataset for the logs of one period at one storage that the catalogues were told of."""

    __tablename__ = "log_datasets"

    period: int = Field(primary_key=True, sa_type=BigInteger)
    storage_id: int = Field(primary_key=True)
    made_at: datetime = now()


class Lease(SQLModel, table=True):
    """A piece of work that one agent has for a while; it falls free by itself when the agent dies."""

    __tablename__ = "leases"

    name: str = Field(primary_key=True)
    holder: str
    expires_at: datetime = moment()


class ServicePulse(SQLModel, table=True):
    """How an outside service answered when it was last tried."""

    __tablename__ = "service_pulses"

    service: str = Field(primary_key=True)
    answered: bool
    seconds: float
    """How long it took to answer, or to be given up."""
    problem: str = ""
    measured_at: datetime = now()

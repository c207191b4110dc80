"""Where jobs run and files lie: sites, their entries, storages, and how far they are from each other."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from models.columns import document, moment, now

FARTHEST = 100
NEVER = 101
"""A distance that no stage reaches: its max_distance is at most 100."""


class Site(SQLModel, table=True):
    """A place with job slots."""

    __tablename__ = "sites"

    site_id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    country: str = ""
    region: str = ""
    enabled: bool = True
    disabled_reason: str = ""
    learned: bool = False
    """Whether an entry told of it rather than a person; such a site retires some time after its last entry."""
    retired_at: datetime | None = moment(default=None)
    last_seen_at: datetime = now()


class Entry(SQLModel, table=True):
    """A way into a site's batch system, as the pilot factories configure it."""

    __tablename__ = "entries"

    entry_id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    site_id: int = Field(foreign_key="sites.site_id", index=True)
    source: str = ""
    """The file of the pilot factories' configuration that it is from, or `settings`; empty for one made by hand."""
    enabled: bool = True
    """Whether the pilot factory uses it."""
    processors: int = 1
    rss_bytes: int = Field(default=0, sa_type=BigInteger)
    wall_seconds: int = 0
    gpus: int = 0
    gpus_always: bool = False
    inner_container: bool | None = None
    """Whether jobs can start a container there; null until a job has told."""
    inner_container_at: datetime | None = moment(default=None)
    inner_container_jobsub_id: str = ""
    """The job that told."""
    configuration: dict[str, Any] | None = document()
    last_seen_at: datetime = now()


class Storage(SQLModel, table=True):
    """A Rucio storage element (RSE)."""

    __tablename__ = "storages"

    storage_id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    site_id: int | None = Field(default=None, foreign_key="sites.site_id")
    country: str = ""
    region: str = ""
    tape: bool = False
    deterministic: bool | None = None
    """Whether a file's name says where it lies; null until Rucio has told, as the next."""
    rucio_read: bool = True
    rucio_write: bool = True
    enabled_read: bool = True
    enabled_write: bool = True
    disabled_reason: str = ""
    occupancy: float = 0.0
    """Used over total, from 0 to 1."""
    used_bytes: int | None = Field(default=None, sa_type=BigInteger)
    total_bytes: int | None = Field(default=None, sa_type=BigInteger)
    protocols: dict[str, Any] | None = document()
    """For each domain and operation the schemes by priority."""
    attributes: dict[str, Any] | None = document()
    retired_at: datetime | None = moment(default=None)
    """Since when Rucio does not know it any more."""
    last_seen_at: datetime = now()


class AccountUsage(SQLModel, table=True):
    """How much of a storage a quota's account uses, and may."""

    __tablename__ = "account_usages"

    quota_id: int = Field(foreign_key="quotas.quota_id", primary_key=True)
    storage_id: int = Field(foreign_key="storages.storage_id", primary_key=True)
    used_bytes: int = Field(sa_type=BigInteger)
    limit_bytes: int | None = Field(default=None, sa_type=BigInteger)
    """Null without a limit."""
    last_seen_at: datetime = now()


class Distance(SQLModel, table=True):
    """How far a storage is from a site: 0 is beside it, 100 the far end, 101 never."""

    __tablename__ = "distances"
    __table_args__ = (
        Index("distances_nearest", "site_id", "distance", "storage_id"),
        Index("distances_of_storage", "storage_id", "distance"),
    )

    site_id: int = Field(foreign_key="sites.site_id", primary_key=True)
    storage_id: int = Field(foreign_key="storages.storage_id", primary_key=True)
    distance: int
    by_hand: bool = False
    """Whether a person has set it: rules leave it alone."""
    by_rule: int | None = None
    """What the rules say."""
    unreadable: bool = False
    """Whether the site's last probes could not read there: its jobs are given no files of it."""
    unwritable: bool = False
    """Whether they could not write there: its jobs are not told to."""


class AvoidedNode(SQLModel, table=True):
    """A node where jobs failed one after the other as soon as they had started; it gets no work for a while."""

    __tablename__ = "avoided_nodes"

    site_id: int = Field(foreign_key="sites.site_id", primary_key=True)
    hostname: str = Field(primary_key=True)
    since: datetime = now()
    until: datetime = moment()
    failed_jobs: int


class ProbeJob(SQLModel, table=True):
    """A job that tries, at one site, what it can read and write there; `jobs.is_probe` says that it is one."""

    __tablename__ = "probe_jobs"
    __table_args__ = (Index("probe_jobs_place", "site_id", "gpu_entry", "job_id"),)

    job_id: int = Field(primary_key=True, sa_type=BigInteger)
    site_id: int = Field(foreign_key="sites.site_id")
    gpu_entry: str = ""
    """The entry with GPUs that it is for; empty for any entry of the site."""
    trials: list[Any] | None = document()
    """What it is to try, storage by storage; null once it has."""


class ProbeResult(SQLModel, table=True):
    """What a probe found at a storage; null is what it did not try."""

    __tablename__ = "probe_results"
    __table_args__ = (Index("probe_results_pair", "site_id", "storage_id", "at"),)

    job_id: int = Field(primary_key=True, sa_type=BigInteger)
    storage_id: int = Field(primary_key=True, foreign_key="storages.storage_id")
    site_id: int = Field(foreign_key="sites.site_id")
    gpu_entry: str = ""
    read_ok: bool | None = None
    read_seconds: float | None = None
    write_ok: bool | None = None
    write_seconds: float | None = None
    message: str = ""
    """What went wrong."""
    at: datetime = now()

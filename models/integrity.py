"""Whether the books of workflows' outputs agree: when they were compared last, and what was found."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field, SQLModel

from justin.states import FindingKind, Integrity
from models.columns import big_key, moment, now, words


class IntegrityCheck(SQLModel, table=True):
    """A workflow's badge, and how far the comparison that is under way has come."""

    __tablename__ = "integrity_checks"
    __table_args__ = (
        Index("integrity_checks_due", "next_check_at"),
        Index("integrity_checks_unfinished", "workflow_id", postgresql_where=text("final_passes = 0")),
    )

    workflow_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    badge: Integrity = Field(default=Integrity.UNKNOWN, sa_type=words(Integrity))
    reason: str = ""
    """Why it is unknown."""
    checked_at: datetime | None = moment(default=None)
    """When the last whole pass ended."""
    pass_number: int = 0
    phase: str = ""
    """What the pass is about now; empty between two passes."""
    mark: str = ""
    """Up to where that is done."""
    files: int = 0
    """Outputs that the pass has looked at, or the last one did."""
    final_passes: int = 0
    """Whole passes since the workflow finished."""
    failures: int = 0
    """How often in a row a pass had to wait for a service."""
    started_at: datetime | None = moment(default=None)
    next_check_at: datetime = now()
    asked_at: datetime | None = moment(default=None)
    holder: str = ""
    leased_until: datetime | None = moment(default=None)


class Finding(SQLModel, table=True):
    """Something that was wrong with an output or a dataset in the newest pass."""

    __tablename__ = "integrity_findings"
    __table_args__ = (
        Index("integrity_findings_same", "workflow_id", "pass_number", "did", "kind", "place", "dataset", unique=True),
    )

    finding_id: int | None = big_key()
    workflow_id: int
    pass_number: int
    kind: FindingKind = Field(sa_type=words(FindingKind))
    did: str
    """Of the file, or of the dataset when that is what is wrong."""
    place: str
    """`metacat`, `rucio`, or the name of the storage."""
    dataset: str = ""
    """DID of the dataset in which it was noticed."""
    file_id: int | None = Field(default=None, sa_type=BigInteger)
    expected: str
    found: str
    repairable: bool
    remedy: str = ""
    """What a person can do."""
    found_at: datetime = now()
    repaired_at: datetime | None = moment(default=None)

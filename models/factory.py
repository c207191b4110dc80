"""What the job factory decided: one row per stage, so that anybody can ask why there are no more jobs."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from justin.states import FactoryLimit
from models.columns import now, words


class FactoryDecision(SQLModel, table=True):
    """What the job factory made of a running stage in its last cycle; written over by the next."""

    __tablename__ = "factory_decisions"

    stage_id: int = Field(primary_key=True)
    decided_at: datetime = now()
    waiting_files: int
    """Within reach, counted as far as they could matter."""
    queued_jobs: int
    running_jobs: int
    files_per_job: float
    """That a job is taken to process, from what was seen."""
    success_rate: float
    """The share of jobs that are taken to end well, from what was seen."""
    wanted_jobs: int
    submitted_jobs: int
    limited_by: FactoryLimit = Field(sa_type=words(FactoryLimit))
    sentence: str
    sites: list[str] = Field(sa_type=ARRAY(Text))
    """Where the stage's queued jobs may run, some or all of them; without any, where they could. The next too."""
    entries: list[str] = Field(sa_type=ARRAY(Text))

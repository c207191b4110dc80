"""Stages with the counts that tell how far they are."""

from collections import defaultdict
from dataclasses import dataclass
from typing import TypeVar

from sqlmodel import col, select

from justin.states import FileState, JobState
from models.database import Session
from models.statements import Statement, load
from models.workflows import Stage

_STAGE_ROWS = load("stage_rows")
_FILE_COUNTS = load("stage_file_counts")
_JOB_COUNTS = load("stage_job_counts")
_OUTPUT_COUNTS = load("stage_output_counts")

State = TypeVar("State", FileState, JobState)


@dataclass(frozen=True, slots=True)
class OutputRow:
    """A kind of output of a stage, and how much of it is registered."""

    pattern_id: int
    pattern: str
    destination: str
    for_next_stage: bool
    lifetime_seconds: int | None
    rse_expression: str
    files: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage, its outputs, and its files and jobs by state."""

    workflow_id: int
    stage_number: int
    stage_id: int
    jobscript_sha256: str
    jobscript_git: str
    jobscript_commit: str
    git_repos: list[dict[str, str]]
    image: str
    processors: int
    rss_bytes: int
    wall_seconds: int
    max_distance: int
    gpus: int
    max_allocations: int
    max_files_per_job: int
    environment: dict[str, str]
    outputs: list[OutputRow]
    files: dict[FileState, int]
    jobs: dict[JobState, int]


def list_stages(session: Session, workflow_id: int) -> list[StageRow]:
    """List the stages of a workflow in order, with their counts."""
    rows = _STAGE_ROWS.run(session, workflow_id=workflow_id)
    stage_ids = [row[2] for row in rows]
    outputs = _outputs(session, workflow_id, stage_ids)
    files = _counts(session, _FILE_COUNTS, stage_ids, FileState)
    jobs = _counts(session, _JOB_COUNTS, stage_ids, JobState)
    counts = {key: (outputs[key], files[key], jobs[key]) for key in stage_ids}
    return [StageRow(*(*row, *counts[row[2]])) for row in rows]


def stage_key(session: Session, workflow_id: int, stage_number: int) -> int | None:
    """Return the key of a stage that is known by its number; None for an unknown one."""
    return session.exec(
        select(Stage.stage_id).where(Stage.workflow_id == workflow_id, Stage.stage_number == stage_number)
    ).one_or_none()


def jobscript(session: Session, workflow_id: int, stage_number: int) -> str | None:
    """Return the text of a stage's jobscript; None for an unknown stage."""
    return session.exec(
        select(Stage.jobscript).where(col(Stage.workflow_id) == workflow_id, col(Stage.stage_number) == stage_number)
    ).one_or_none()


def _outputs(session: Session, workflow_id: int, stage_ids: list[int]) -> dict[int, list[OutputRow]]:
    outputs: dict[int, list[OutputRow]] = defaultdict(list)
    for stage_id, *row in _OUTPUT_COUNTS.run(session, workflow_id=workflow_id, stage_ids=stage_ids):
        outputs[stage_id].append(OutputRow(*row))
    return outputs


def _counts(
    session: Session, statement: Statement, stage_ids: list[int], states: type[State]
) -> dict[int, dict[State, int]]:
    counts: dict[int, dict[State, int]] = defaultdict(dict)
    for stage_id, state, count in statement.run(session, stage_ids=stage_ids):
        counts[stage_id][states(state)] = count
    return counts

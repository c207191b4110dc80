"""Jobs that have uploaded their outputs, for tests of what comes after."""

from dataclasses import dataclass
from typing import Any

from justin.states import FileState, JobState
from models import results, seed
from models.database import Session
from models.moves import Reason
from models.results import ConfirmedOutput, NewOutput
from models.workflows import Stage, StageOutput
from tests.support.makers import STORAGE, make_files, make_job

BECAUSE = Reason("tester")


@dataclass(frozen=True)
class FinishedJob:
    """A job, its inputs in `outputting`, and its outputs in `uploaded`."""

    job_id: int
    input_ids: list[int]
    output_ids: list[int]


def make_finished_job(
    session: Session,
    stage: Stage,
    pattern: StageOutput,
    *,
    inputs: int = 1,
    outputs: int = 1,
    next_stage: Stage | None = None,
    storage: str = STORAGE,
    **values: Any,
) -> FinishedJob:
    """Bring a job from its inputs to its end; its outputs wait in the outbox."""
    job = make_job(session, stage, state=JobState.PROCESSING, asked_for_files=True)
    assert job.job_id
    assert pattern.output_id
    row = {"allocations": 1} | values
    held = make_files(session, stage, inputs, state=FileState.ALLOCATED, job_id=job.job_id, **row)
    input_ids = [file.file_id for file in held if file.file_id]
    results.begin_outputting(session, job.job_id, input_ids, BECAUSE)
    made = [_output(job.job_id, number, pattern.output_id, next_stage) for number in range(outputs)]
    assert results.record_outputs(session, job.job_id, made) == []
    output_ids = [output.file_id for output in results.recorded_outputs(session, job.job_id)]
    storage_id = seed.ensure_storage(session, storage)
    places = [ConfirmedOutput(file_id, storage_id, f"file:///{file_id}", 1.0) for file_id in output_ids]
    results.confirm_outputs(session, job.job_id, places)
    assert results.finish_job(session, job.job_id, BECAUSE)
    return FinishedJob(job.job_id, input_ids, output_ids)


def _output(job_id: int, number: int, output_id: int, next_stage: Stage | None) -> NewOutput:
    return NewOutput(
        did=f"usertests:{job_id}-{number}.root",
        output_id=output_id,
        stage_id=next_stage.stage_id if next_stage else None,
        size_bytes=number,
        adler32="0000000a",
        metadata={"core.number": number},
        parents=["usertests:parent.root"],
        targets=[],
    )

"""Workflows that have come to their end, with all that belongs to one in the database."""

from sqlalchemy import text

from justin.states import WorkflowState
from models import moves, outbox, reports, seed
from models.database import Session
from models.files import Dataset
from models.moves import Reason
from models.workflows import StageEnvironment, StageRepository, StageSite, SubmissionKey
from tests.support.finished_jobs import make_finished_job
from tests.support.makers import STORAGE, key, known_site, make_files, make_output_pattern, make_stage, make_workflow

BECAUSE = Reason("tester", "it is over")
JOBSCRIPT = "#!/bin/sh\necho made by hand\n"


def make_ended_workflow(session: Session, *, jobs: int = 3, inputs: int = 4) -> int:
    """Make a workflow of two stages that is finished, with jobs, files, copies, logs, datasets and events."""
    workflow = make_workflow(session, name="ended", mql="files from usertests:raw")
    workflow_id = key(workflow.workflow_id)
    first = make_stage(session, workflow, jobscript=JOBSCRIPT, classads={"WANT_X": "1"}, gpus=1)
    second = make_stage(session, workflow, stage_number=2, jobscript=JOBSCRIPT)
    stage_id = key(first.stage_id)
    passed_on = make_output_pattern(session, first, for_next_stage=True, lifetime_seconds=86_400)
    final = make_output_pattern(session, second, lifetime_seconds=7 * 86_400, destination="mine")
    session.add_all(
        [
            StageEnvironment(stage_id=stage_id, name="A", value="b"),
            StageSite(stage_id=stage_id, site_id=known_site(session)),
            StageRepository(stage_id=stage_id, organisation="org", repository="repo", tag="v1", commit="c" * 40),
            SubmissionKey(user_id=workflow.user_id, key=f"k{workflow_id}", request_sha256="0", workflow_id=workflow_id),
        ]
    )
    session.flush()
    finished = [make_finished_job(session, first, passed_on, inputs=inputs, next_stage=second) for _ in range(jobs)]
    finished += [make_finished_job(session, second, final, inputs=inputs, outputs=2) for _ in range(jobs)]
    make_files(session, first, 2)
    outbox.finish_jobs(session, [job.job_id for job in finished])
    for job in finished:
        reports.save_log(session, job.job_id, reports.JOBSCRIPT_LOG, "it worked\n")
    _add_datasets(session, workflow_id, key(second.stage_id), key(final.output_id))
    for state in (WorkflowState.FINISHING, WorkflowState.FINISHED):
        moves.move_workflows(session, [workflow_id], state, BECAUSE)
    connection = session.connection()
    connection.execute(text("UPDATE jobs SET in_pool = false WHERE workflow_id = :id"), {"id": workflow_id})
    return workflow_id


def _add_datasets(session: Session, workflow_id: int, stage_id: int, output_id: int) -> None:
    storage_id = seed.ensure_storage(session, STORAGE)
    session.add(
        Dataset(
            scope="usertests",
            name=f"w{workflow_id}s2p1-{STORAGE}",
            kind="rse",
            workflow_id=workflow_id,
            stage_id=stage_id,
            output_id=output_id,
            storage_id=storage_id,
            files=6,
        )
    )
    session.flush()
    closed = text("UPDATE datasets SET closed_at = now() WHERE workflow_id = :id")
    session.connection().execute(closed, {"id": workflow_id})

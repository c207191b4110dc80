"""Jobs are given files, each to one job, and never a false none."""

from collections import Counter
from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import text

from benchmarks import load
from benchmarks.load import Call, Ticket
from engine.runtime import Runtime
from justin.states import FileState, JobState, WorkflowState
from models.jobs import Job
from tests.support.makers import make_files, make_job, make_stage, make_workflow
from tests.support.signed_job import SignedJob

Calling = Callable[[Job], SignedJob]

JOBS = 1000
"""As many as call at once, for as many files."""


def test_the_answer_is_one_line(runtime: Runtime, calling: Calling) -> None:
    with runtime.session() as session:
        stage = make_stage(session)
        (file,) = make_files(session, stage)
        job = calling(make_job(session, stage))
    reply = job.call("get_file")
    did, pfn, rse = reply.text.removesuffix("\n").split(" ")
    assert (did, rse) == (file.did, "MANCHESTER")
    assert pfn.endswith(did)
    assert reply.headers["content-type"].startswith("text/plain")
    assert job.call("get_allocated_files").text == f"{file.did}\n"


def test_the_first_file_makes_the_job_process(runtime: Runtime, calling: Calling) -> None:
    with runtime.session() as session:
        stage = make_stage(session)
        make_files(session, stage, 2)
        row = make_job(session, stage)
        job = calling(row)
    assert job.call("get_file").status_code == 200
    assert job.call("get_file").status_code == 200
    with runtime.session() as session:
        found = session.get_one(Job, row.job_id)
        assert (found.state, found.asked_for_files) == (JobState.PROCESSING, True)
        events = session.connection().execute(text("SELECT event_type FROM events ORDER BY event_id")).scalars().all()
        assert Counter(events) == {"file_allocated": 2, "job_processing": 1}


@pytest.mark.parametrize("paused", [False, True])
def test_none_is_noted_as_asked_for(runtime: Runtime, calling: Calling, paused: bool) -> None:
    with runtime.session() as session:
        workflow = make_workflow(session, state=WorkflowState.PAUSED if paused else WorkflowState.RUNNING)
        stage = make_stage(session, workflow)
        make_files(session, stage, 1 if paused else 0)
        row = make_job(session, stage)
        job = calling(row)
    reply = job.call("get_file")
    assert (reply.status_code, reply.json()["code"]) == (404, "no_file")
    with runtime.session() as session:
        found = session.get_one(Job, row.job_id)
    assert (found.asked_for_files, found.was_refused) == (True, paused)


def test_a_job_gets_no_more_than_its_stage_allows(runtime: Runtime, calling: Calling) -> None:
    with runtime.session() as session:
        stage = make_stage(session, max_files_per_job=3)
        make_files(session, stage, 10)
        job = calling(make_job(session, stage))
    assert [job.call("get_file").status_code for _ in range(5)] == [200, 200, 200, 404, 404]
    reply = job.call("get_file")
    assert "as many files as its stage allows" in reply.json()["detail"]


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        (JobState.SUBMITTED, 409, "wrong_state"),
        (JobState.OUTPUTTING, 409, "wrong_state"),
        (JobState.FINISHED, 403, "job_ended"),
        (JobState.ABORTED, 403, "job_ended"),
    ],
)
def test_only_a_running_job_gets_files(
    runtime: Runtime, calling: Calling, state: JobState, status: int, code: str
) -> None:
    with runtime.session() as session:
        stage = make_stage(session)
        make_files(session, stage)
        job = calling(make_job(session, stage, state=state))
    reply = job.call("get_file")
    assert (reply.status_code, reply.json()["code"]) == (status, code)


def test_a_failing_commit_gives_no_file(runtime: Runtime, calling: Calling) -> None:
    with runtime.session() as session:
        stage = make_stage(session)
        (file,) = make_files(session, stage)
        job = calling(make_job(session, stage))
        # A constraint that speaks up at the commit, when the claim itself has long succeeded.
        session.connection().execute(
            text("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room on the disk'; END $$;
            CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON files DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION refuse()
            """)
        )
    reply = job.call("get_file")
    with runtime.session() as session:
        session.connection().execute(text("DROP FUNCTION refuse CASCADE"))
    assert (reply.status_code, reply.json()["code"]) == (500, "error")
    assert file.did not in reply.text
    with runtime.session() as session:
        states = session.connection().execute(text("SELECT state FROM files")).scalars().all()
        assert states == [FileState.UNALLOCATED]


def test_a_thousand_jobs_get_a_thousand_files(runtime: Runtime, allocator: str) -> None:
    with runtime.session() as session:
        stage = make_stage(session)
        files = make_files(session, stage, JOBS)
        jobs = [make_job(session, stage, site=None if number else "UK_Manchester") for number in range(JOBS)]
        for job in jobs[1:]:
            job.site_id = jobs[0].site_id
        session.flush()
        tickets = [[Ticket(job.jobsub_id, job.jobscript_secret)] for job in jobs]
    call = Call(httpx.URL(allocator).port or 0, "/api/allocator/get_file")
    tally = load.drive(call, tickets)
    assert tally.replies == {200: JOBS}, "nobody hears none while a file is free"
    given = [body.decode().split(" ")[0] for body in tally.bodies]
    assert sorted(given) == sorted(file.did for file in files), "each file goes to one job"


def test_jobs_that_take_all_they_can_share_the_files(runtime: Runtime, allocator: str) -> None:
    with runtime.session() as session:
        stage = make_stage(session, max_files_per_job=1000)
        files = make_files(session, stage, 300)
        jobs = [make_job(session, stage) for _ in range(16)]
        tickets = [[Ticket(job.jobsub_id, job.jobscript_secret)] * 30 for job in jobs]
    tally = load.drive(Call(httpx.URL(allocator).port or 0, "/api/allocator/get_file"), tickets)
    assert tally.replies == {200: len(files), 404: 16 * 30 - len(files)}
    given = [body.decode().split(" ")[0] for body in tally.bodies if b" " in body and body[:1] != b"{"]
    assert len(set(given)) == len(files)


def sam(job: SignedJob, word: str, **form: str) -> httpx.Response:
    return httpx.post(f"{job.url}/api/samweb/{job.jobsub_id}/{job.jobscript_secret}/processes/1/{word}", data=form)


def test_sams_clients_get_files_and_say_what_they_consumed(runtime: Runtime, calling: Calling) -> None:
    with runtime.session() as session:
        stage = make_stage(session)
        files = make_files(session, stage, 2)
        job = calling(make_job(session, stage))
    pfns = [sam(job, "getNextFile").text for _ in files]
    assert {pfn.partition("/usertests")[2] for pfn in pfns} == {file.did.removeprefix("usertests") for file in files}
    assert sam(job, "getNextFile").status_code == 204
    assert sam(job, "updateFileStatus", status="transferred", filename=pfns[0]).status_code == 200
    assert sam(job, "setStatus", status="consumed", filename=pfns[0]).status_code == 200
    assert sam(job, "updateFileStatus", status="consumed", filename="root://elsewhere/x").status_code == 200
    with runtime.session() as session:
        states = session.connection().execute(text("SELECT state, count(*) AS files FROM files GROUP BY state")).all()
        assert {row.state: row.files for row in states} == {"outputting": 1, "allocated": 1}


@pytest.mark.parametrize("secret", ["", "0" * 64, "wrong"])
def test_sams_clients_need_the_jobscripts_secret(runtime: Runtime, calling: Calling, secret: str) -> None:
    with runtime.session() as session:
        job = calling(make_job(session, make_stage(session)))
    reply = httpx.post(f"{job.url}/api/samweb/{job.jobsub_id}/{secret or job.secret}/processes/1/getNextFile")
    assert (reply.status_code, reply.json()["code"]) == (401, "signature_invalid")
    assert httpx.get(f"{job.url}/api/samweb/{job.jobsub_id}/x/processes/1/getNextFile").status_code == 405

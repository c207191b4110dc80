"""Only the job itself opens its calls, and each signature once."""

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from engine.runtime import Runtime
from justin.states import JobState
from models.jobs import Job
from tests.support.makers import make_files, make_job, make_stage
from tests.support.signed_job import FOR_JOBSCRIPTS, SignedJob, send

Calling = Callable[[Job], SignedJob]
METHODS = ["get_jobscript", "send_heartbeat", "record_results", "confirm_results", "job_aborted", *FOR_JOBSCRIPTS]


@pytest.fixture
def job(runtime: Runtime, calling: Calling) -> SignedJob:
    """A started job of a stage with files."""
    with runtime.session() as session:
        stage = make_stage(session)
        make_files(session, stage, 5)
        return calling(make_job(session, stage))


def refused(reply: httpx.Response) -> bool:
    return (reply.status_code, reply.json()["code"]) == (401, "signature_invalid")


@pytest.mark.parametrize("method", METHODS)
def test_a_forged_signature_opens_nothing(job: SignedJob, method: str) -> None:
    forged = replace(job, secret="f" * 64, jobscript_secret="f" * 64)
    assert refused(forged.call(method))


@pytest.mark.parametrize("method", METHODS)
def test_the_other_secret_opens_nothing(job: SignedJob, method: str) -> None:
    swapped = replace(job, secret=job.jobscript_secret, jobscript_secret=job.secret)
    assert refused(swapped.call(method))


def test_an_unknown_job_is_answered_like_a_bad_signature(job: SignedJob) -> None:
    unknown = replace(job, jobsub_id="9.9@nowhere").call("send_heartbeat")
    forged = replace(job, secret="f" * 64).call("send_heartbeat")
    assert refused(unknown)
    assert unknown.json() == forged.json()


def test_a_replayed_request_is_refused(job: SignedJob) -> None:
    request = job.signed("get_file")
    assert send(job.url, request).status_code == 200
    assert refused(send(job.url, request))
    assert len(job.call("get_allocated_files").text.splitlines()) == 1


def test_a_request_that_was_refused_is_not_replayed_either(job: SignedJob) -> None:
    request = job.signed("confirm_results")
    assert send(job.url, request).json()["code"] == "wrong_state"
    assert refused(send(job.url, request))


def test_a_signature_is_good_for_its_own_path_and_body_only(job: SignedJob) -> None:
    request = job.signed("send_heartbeat")
    assert refused(send(job.url, replace(request, path="/api/allocator/job_aborted")))
    assert refused(send(job.url, replace(request, body=b'{"jobscript_log": "x"}')))


@pytest.mark.parametrize("seconds", [-400, 400])
def test_a_wrong_clock_is_told_the_time(job: SignedJob, seconds: int) -> None:
    reply = replace(job, clock_seconds=seconds).call("send_heartbeat")
    assert (reply.status_code, reply.json()["code"]) == (401, "clock_skew")
    corrected = replace(
        job,
        clock_seconds=seconds
        - (int(replace(job, clock_seconds=seconds).signed("x").time) - reply.json()["server_time"]),
    )
    assert corrected.call("send_heartbeat").status_code == 200


def test_no_headers_and_strange_headers_are_refused(job: SignedJob) -> None:
    assert refused(httpx.post(f"{job.url}/api/allocator/get_file"))
    request = job.signed("get_file")
    for strange in (replace(request, nonce="'; --"), replace(request, time="soon"), replace(request, jobsub_id="a b")):
        assert refused(send(job.url, strange))


def test_get_is_not_allowed(job: SignedJob) -> None:
    reply = httpx.get(f"{job.url}/api/allocator/get_file")
    assert (reply.status_code, reply.json()["code"]) == (405, "method_not_allowed")


def test_a_body_that_is_too_large_is_refused_unread(job: SignedJob) -> None:
    reply = send(job.url, job.signed("get_file", b"x" * 1_000_000))
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_input")


def test_what_a_job_says_is_checked_after_who_says_it(job: SignedJob) -> None:
    body = b'{"jobscript_exit": "x", "surplus": 1}'
    assert refused(send(job.url, replace(job, secret="f" * 64).signed("record_results", body)))
    reply = send(job.url, job.signed("record_results", body))
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_input")
    assert "jobscript_exit must be a whole number" in reply.json()["detail"]


@pytest.mark.parametrize("state", [JobState.STALLED, JobState.REMOVED])
@pytest.mark.parametrize("method", METHODS)
def test_a_job_that_was_given_up_hears_so_whatever_it_calls(
    runtime: Runtime, calling: Calling, state: JobState, method: str
) -> None:
    with runtime.session() as session:
        job = calling(make_job(session, make_stage(session), state=state))
    reply = job.call(method)
    assert (reply.status_code, reply.json()["code"]) == (403, "job_ended")

"""A report moves the job, its inputs and its outputs, once, whatever is repeated; here no catalogue is needed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from engine.runtime import Runtime
from justin.schemas.jobs import RecordResultsReply
from justin.schemas.views import JobView
from justin.states import AbortReason, JobState, WorkflowState
from models import log_archives
from models.jobs import Job
from models.queries import jobs
from models.workflows import Stage
from tests.support.makers import make_files, make_job, make_output_pattern, make_stage, make_workflow
from tests.support.signed_job import REPORT, SignedJob

Calling = Callable[[Job], SignedJob]

OUTPUT: dict[str, Any] = {"name": "a.root", "pattern_id": 1, "size_bytes": 3, "adler32": "024d0127"}


@dataclass(frozen=True, slots=True)
class Running:
    """A job that holds two files, and the books about it."""

    runtime: Runtime
    job: SignedJob
    dids: list[str]

    def report(self, **values: Any) -> httpx.Response:
        return self.job.call("record_results", **(REPORT | values))

    def reply(self, **values: Any) -> RecordResultsReply:
        reply = self.report(**values)
        assert reply.status_code == 200, reply.text
        return RecordResultsReply.model_validate(reply.json())

    @property
    def row(self) -> JobView:
        with self.runtime.session() as session:
            found = jobs.one_job(session, self.job.jobsub_id)
        assert found
        return found

    @property
    def files(self) -> dict[str, str]:
        with self.runtime.session() as session:
            rows = session.connection().execute(text("SELECT did, state FROM files"))
            return {row.did: row.state for row in rows}

    @property
    def events(self) -> int:
        with self.runtime.session() as session:
            return int(session.connection().execute(text("SELECT count(*) FROM events")).scalar_one())


def running(runtime: Runtime, calling: Calling, count: int = 2, **stage: Any) -> Running:
    with runtime.session() as session:
        row: Stage = make_stage(session, make_workflow(session), **stage)
        make_output_pattern(session, row, "*.root")
        make_files(session, row, count)
        job = calling(make_job(session, row))
    dids = [job.call("get_file").text.split(" ")[0] for _ in range(count)]
    return Running(runtime, job, dids)


@pytest.fixture
def held(runtime: Runtime, calling: Calling) -> Running:
    """A job that was given two files."""
    return running(runtime, calling)


def test_without_outputs_the_listed_inputs_are_processed_at_confirmation(held: Running) -> None:
    reply = held.reply(processed_dids=[held.dids[0]])
    assert (reply.state, reply.uploads, reply.problems) == (JobState.OUTPUTTING, [], [])
    assert held.files == {held.dids[0]: "outputting", held.dids[1]: "unallocated"}
    assert held.job.call("confirm_results").json() == {"state": "finished"}
    assert held.files == {held.dids[0]: "processed", held.dids[1]: "unallocated"}
    assert (held.row.state, held.row.jobscript_exit, held.row.real_seconds) == (JobState.FINISHED, 0, 12.5)


def test_inputs_are_known_by_their_addresses(held: Running) -> None:
    with held.runtime.session() as session:
        pfns = session.connection().execute(text("SELECT wan_pfn FROM replicas")).scalars().all()
    held.reply(processed_pfns=list(pfns))
    assert set(held.files.values()) == {"outputting"}


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"jobscript_exit": 7}, JobState.JOBSCRIPT_ERROR),
        ({"jobscript_exit": -9}, JobState.JOBSCRIPT_ERROR),
        ({"jobscript_exit": 137}, JobState.JOBSCRIPT_ERROR),
        ({"timed_out": True}, JobState.TIMED_OUT),
        ({}, JobState.NONE_PROCESSED),
    ],
)
def test_a_job_that_did_not_do_well_gives_all_inputs_back(
    held: Running, values: dict[str, Any], state: JobState
) -> None:
    listed = {"processed_dids": held.dids, "outputs": [OUTPUT]} if values else {}
    reply = held.reply(**values, **listed)
    assert (reply.state, reply.uploads) == (state, [])
    assert set(held.files.values()) == {"unallocated"}
    assert (held.row.state, held.row.jobscript_exit) == (state, values.get("jobscript_exit", 0))
    with held.runtime.session() as session:
        (log,) = jobs.job_logs(session, held.job.jobsub_id)
    assert log.text == "the end\n"


def test_a_file_that_failed_too_often_fails(runtime: Runtime, calling: Calling) -> None:
    once = running(runtime, calling, count=1, max_allocations=1)
    once.reply(jobscript_exit=1)
    assert once.files == {once.dids[0]: "failed"}


def test_a_jobscript_that_never_asks_is_told_apart(runtime: Runtime, calling: Calling) -> None:
    with runtime.session() as session:
        stage = make_stage(session)
        make_files(session, stage)
        row = make_job(session, stage)
    reply = calling(row).call("record_results", **REPORT)
    assert reply.json()["state"] == "no_input_requested"


def test_a_jobscript_that_got_no_answer_asked_and_counts_for_no_rule(runtime: Runtime, calling: Calling) -> None:
    with runtime.session() as session:
        stage = make_stage(session)
        make_files(session, stage)
        row = make_job(session, stage)
    reply = calling(row).call("record_results", **REPORT, unanswered=True)
    assert reply.json()["state"] == "outputting"
    with runtime.session() as session:
        assert session.get_one(Job, row.job_id).was_refused


def test_a_jobscript_that_asked_in_vain_did_well(runtime: Runtime, calling: Calling) -> None:
    late = running(runtime, calling, count=0)
    assert late.job.call("get_file").status_code == 404
    reply = late.reply(outputs=[OUTPUT])
    assert (reply.state, reply.uploads) == (JobState.OUTPUTTING, [])
    assert "1 outputs are not kept" in reply.problems[0]
    assert late.job.call("confirm_results").json() == {"state": "finished"}


@pytest.mark.parametrize("values", [{"jobscript_exit": 7}, {"processed_dids": "all"}, {"timed_out": True}])
def test_a_repeated_report_changes_nothing_and_is_answered_alike(held: Running, values: dict[str, Any]) -> None:
    values = {name: held.dids if value == "all" else value for name, value in values.items()}
    first, files, events = held.reply(**values), held.files, held.events
    again = held.reply(**values)
    assert (again.state, again.uploads) == (first.state, first.uploads)
    assert (held.files, held.events) == (files, events)


def test_a_repeated_confirmation_changes_nothing(held: Running) -> None:
    held.reply(processed_dids=held.dids)
    first = held.job.call("confirm_results").json()
    files, events = held.files, held.events
    assert held.job.call("confirm_results").json() == first
    assert held.reply(processed_dids=held.dids).state is JobState.FINISHED
    assert (held.files, held.events) == (files, events)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ([OUTPUT, OUTPUT], "reported 2 times"),
        ([OUTPUT | {"pattern_id": 9}], "pattern 9"),
        ([OUTPUT | {"name": "a.txt"}], "does not match"),
        ([OUTPUT | {"metadata": {"run": 1}}], "has no category"),
        ([OUTPUT | {"parents": [{"x": 1}]}], "not of the form"),
    ],
)
def test_outputs_that_cannot_be_stored_send_the_inputs_back(
    held: Running, outputs: list[dict[str, Any]], words: str
) -> None:
    reply = held.reply(processed_dids=held.dids, outputs=outputs)
    assert (reply.state, reply.uploads) == (JobState.OUTPUTTING_FAILED, [])
    assert words in reply.problems[0]
    assert words in held.row.state_message
    assert set(held.files.values()) == {"unallocated"}


def test_metadata_that_is_no_json_sends_the_inputs_back(held: Running) -> None:
    reply = held.reply(processed_dids=held.dids, outputs=[OUTPUT], metadata_errors=["a.root.json is not JSON."])
    assert reply.state is JobState.OUTPUTTING_FAILED
    assert held.row.state_message == "a.root.json is not JSON."


def test_a_job_waits_when_rucio_does_not_answer(held: Running) -> None:
    reply = held.report(processed_dids=held.dids, outputs=[OUTPUT])
    assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")
    assert reply.headers["retry-after"]
    assert held.row.state is JobState.PROCESSING
    assert set(held.files.values()) == {"allocated"}


@pytest.mark.parametrize("method", ["record_results", "confirm_results"])
def test_results_come_after_the_start(runtime: Runtime, calling: Calling, method: str) -> None:
    with runtime.session() as session:
        job = calling(make_job(session))
    reply = job.call(method, **(REPORT if method == "record_results" else {}))
    assert (reply.status_code, reply.json()["code"]) == (409, "wrong_state")


@pytest.mark.parametrize("reason", list(AbortReason))
def test_an_abort_gives_the_inputs_back(held: Running, reason: AbortReason) -> None:
    said = {"reason": reason.value, "detail": "no space", "rse": "CERN", "jobscript_log": "log"}
    first = held.job.call("job_aborted", **said).json()
    of_outputs = reason.value in {
        "upload_failed",
        "access_refused",
        "confirm_failed",
        "output_refused",
        "metadata_invalid",
    }
    assert first == {"state": "outputting_failed" if of_outputs else "aborted"}
    assert set(held.files.values()) == {"unallocated"}
    assert "no space" in held.row.state_message
    assert "at CERN" in held.row.state_message
    events = held.events
    assert held.job.call("job_aborted", **said).json() == first
    assert held.events == events
    assert held.report(processed_dids=held.dids).status_code in {200, 403}


def test_an_aborted_job_reports_no_more(held: Running) -> None:
    held.job.call("job_aborted", reason="wrapper_error")
    for method, message in (("record_results", REPORT), ("confirm_results", {}), ("get_file", {})):
        reply = held.job.call(method, **message)
        assert (reply.status_code, reply.json()["code"]) == (403, "job_ended")


def test_a_heartbeat_keeps_the_log_and_the_time(held: Running) -> None:
    before = held.row.heartbeat_at
    assert held.job.call("send_heartbeat", jobscript_log="so far é").json() == {"stop": False, "reason": ""}
    assert held.job.call("send_heartbeat").json()["stop"] is False
    with held.runtime.session() as session:
        (log,) = jobs.job_logs(session, held.job.jobsub_id)
    assert log.text == "so far é"
    after = held.row.heartbeat_at
    assert after is not None
    assert before is None or after > before


def test_a_heartbeat_hears_that_the_job_is_over(held: Running) -> None:
    held.reply(jobscript_exit=1)
    assert held.job.call("send_heartbeat").json()["stop"] is True


@pytest.mark.parametrize(
    ("state", "stop"),
    [
        (WorkflowState.PAUSED, False),
        (WorkflowState.CANCELLING, True),
        (WorkflowState.FINISHED, True),
        (WorkflowState.FAILED, True),
    ],
)
def test_a_heartbeat_hears_what_becomes_of_the_workflow(held: Running, state: WorkflowState, stop: bool) -> None:
    with held.runtime.session() as session:
        session.connection().execute(text("UPDATE workflows SET state = :state"), {"state": state.value})
    assert held.job.call("send_heartbeat").json()["stop"] is stop


def offered(held: Running, state: str = "jobscript_error") -> dict[str, Any]:
    """Let the job end and be offered a place for its logs; return its word that they lie there."""
    held.reply(jobscript_exit=1)
    target = {"storage_id": 1, "rse": "MANCHESTER", "url": "file:///rse/x.logs.tgz"}
    with held.runtime.session() as session:
        assert held.row.state == state
        assert log_archives.offer(session, held.row.job_id, [target])
    logs = {"name": "x.logs.tgz", "rse": target["rse"], "url": target["url"], "size_bytes": 5, "adler32": "0000000a"}
    return logs | {"seconds": 0.1}


def waiting_logs(held: Running) -> list[tuple[str, str | None]]:
    with held.runtime.session() as session:
        rows = session.connection().execute(text("SELECT state, pfn FROM log_archives"))
        return [(row.state, row.pfn) for row in rows]


def test_a_report_is_answered_without_logs_while_rucio_does_not_say_where(held: Running) -> None:
    first = held.reply(jobscript_exit=7)
    assert (first.state, first.logs) == (JobState.JOBSCRIPT_ERROR, None)
    assert [held.reply(jobscript_exit=7).logs for _ in range(3)] == [None] * 3
    assert waiting_logs(held) == [("offered", None)]


def test_a_job_that_has_ended_confirms_its_logs_once(held: Running) -> None:
    logs = offered(held)
    events = held.events
    for _ in range(2):
        reply = held.job.call("confirm_logs", logs=logs)
        assert (reply.status_code, reply.json()) == (200, {"state": "jobscript_error"})
    assert held.reply(jobscript_exit=1).logs is None
    assert waiting_logs(held) == [("waiting", "file:///rse/x.logs.tgz")]
    assert held.events == events


@pytest.mark.parametrize("change", [{"rse": "CERN"}, {"url": "file:///etc/passwd"}])
def test_logs_are_not_believed_to_lie_where_they_were_not_offered(held: Running, change: dict[str, str]) -> None:
    reply = held.job.call("confirm_logs", logs=offered(held) | change)
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_input")
    assert waiting_logs(held) == [("offered", None)]


def test_logs_are_confirmed_after_a_report_only(held: Running) -> None:
    logs = {"name": "x", "rse": "CERN", "url": "file:///x", "size_bytes": 1, "adler32": "00000001", "seconds": 1}
    reply = held.job.call("confirm_logs", logs=logs)
    assert (reply.status_code, reply.json()["code"]) == (409, "wrong_state")


def test_an_offer_is_repeated_until_the_logs_are_there(held: Running) -> None:
    offered(held)
    first, again = held.reply(jobscript_exit=1).logs, held.reply(jobscript_exit=1).logs
    assert first == again
    assert first
    assert first.did == f"justin-logs:{held.job.jobsub_id.replace('@', '-')}.logs.tgz"
    assert [target.url for target in first.targets] == ["file:///rse/x.logs.tgz"]

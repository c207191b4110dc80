"""Calls to an allocator that is away, overloaded, restarted, or of another time."""

import random
import time

import pytest

from tests.support.scripted_allocator import JOBSUB_ID, SECRET, Answer, ScriptedAllocator, problem
from tests.wrapper.conftest import Slot
from wrapper.allocator import Allocator, AllocatorError, Patience, RefusedError
from wrapper.job import Job

BEAT = {"jobscript_log": ""}
QUICK = Patience(tries=4, first_pause_seconds=0.01)


@pytest.fixture
def client(allocator: ScriptedAllocator) -> Allocator:
    return Allocator(Job(JOBSUB_ID, allocator.url, SECRET))


@pytest.mark.parametrize("status", [0, 408, 429, 500, 502, 503, 504])
def test_failures_that_may_pass_are_repeated(client: Allocator, allocator: ScriptedAllocator, status: int) -> None:
    """Each repetition is signed anew: the scripted allocator refuses a nonce it has seen."""
    away = Answer(0) if status == 0 else problem(status, "away")
    allocator.script["send_heartbeat"].extend([away] * 3)

    assert client.call("send_heartbeat", BEAT, QUICK) == {"stop": False, "reason": ""}
    assert len(allocator.messages("send_heartbeat")) == 4


def test_patience_ends(client: Allocator, allocator: ScriptedAllocator) -> None:
    allocator.script["send_heartbeat"].extend([problem(503, "busy")] * 9)

    with pytest.raises(AllocatorError, match="failed 4 times"):
        client.call("send_heartbeat", BEAT, QUICK)


def test_patience_lasts_until_its_moment(client: Allocator, allocator: ScriptedAllocator) -> None:
    allocator.script["send_heartbeat"].extend([problem(503, "busy")] * 5)
    lasting = Patience(tries=2, until=time.monotonic() + 60, first_pause_seconds=0.01)

    assert not client.call("send_heartbeat", BEAT, lasting)["stop"]


def test_broken_server_is_not_waited_for_beyond_the_tries(client: Allocator, allocator: ScriptedAllocator) -> None:
    allocator.script["send_heartbeat"].extend([problem(500, "broken")] * 5)
    lasting = Patience(tries=2, until=time.monotonic() + 60, first_pause_seconds=0.01)

    with pytest.raises(AllocatorError):
        client.call("send_heartbeat", BEAT, lasting)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_refusals_are_not_repeated(client: Allocator, allocator: ScriptedAllocator, status: int) -> None:
    allocator.script["send_heartbeat"].append(problem(status, "no"))

    with pytest.raises(RefusedError) as refused:
        client.call("send_heartbeat", BEAT, QUICK)

    assert (refused.value.status, refused.value.job_ended) == (status, False)
    assert len(allocator.messages("send_heartbeat")) == 1


def test_server_may_ask_for_a_longer_pause(client: Allocator, allocator: ScriptedAllocator) -> None:
    allocator.script["send_heartbeat"].append(Answer(503, "", {"Retry-After": "1"}))
    start = time.monotonic()

    client.call("send_heartbeat", BEAT, QUICK)

    assert time.monotonic() - start >= 1


@pytest.mark.parametrize("offset", [-7200, 7200])
def test_clock_is_corrected_once_and_for_all(client: Allocator, allocator: ScriptedAllocator, offset: int) -> None:
    allocator.clock_offset_seconds = offset

    client.call("send_heartbeat", BEAT, QUICK)
    client.call("send_heartbeat", BEAT, QUICK)

    assert len(allocator.messages("send_heartbeat")) == 2
    assert abs(client.clock_offset_seconds - offset) < 3


def test_clock_is_corrected_by_the_date_of_a_reply(client: Allocator, allocator: ScriptedAllocator) -> None:
    body = {"code": "clock_skew", "status": 401}
    allocator.script["send_heartbeat"].append(Answer(401, body, {"Date": "Sun, 22 Nov 2026 12:00:00 GMT"}))

    with pytest.raises(RefusedError):
        client.call("send_heartbeat", BEAT, QUICK)

    assert client.clock_offset_seconds != 0


def test_answer_that_is_no_json_is_an_error(client: Allocator, allocator: ScriptedAllocator) -> None:
    allocator.script["send_heartbeat"].append(Answer(200, "<html>captive portal</html>"))

    with pytest.raises(AllocatorError, match="JSON"):
        client.call("send_heartbeat", BEAT, QUICK)


def test_pauses_double_up_to_a_minute(
    client: Allocator, allocator: ScriptedAllocator, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr(random, "uniform", lambda _low, _high: 1.0)
    allocator.script["send_heartbeat"].extend([problem(503, "busy")] * 10)

    with pytest.raises(AllocatorError):
        client.call("send_heartbeat", BEAT, Patience(tries=10))

    # The server's thread sleeps too, for no time at all.
    assert [pause for pause in pauses if pause] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_jobs_clock_and_the_helpers_clock_are_one(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.clock_offset_seconds = -3600
    allocator.files.append("usertests:a.root pfn RSE")

    slot.run("#!/bin/sh\n$JUSTIN_PATH/justin-get-file\n")

    recorded = allocator.one("record_results")
    assert recorded.jobscript_log == "usertests:a.root pfn RSE\n"
    assert abs(recorded.jobscript_start.timestamp() - (time.time() - 3600)) < 60


def test_silence_that_met_the_jobscript_is_told(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.script["get_file"].extend([problem(503, "busy")] * 4)

    slot.run("#!/bin/sh\n$JUSTIN_PATH/justin-get-file || exit 0\n")

    assert allocator.one("record_results").unanswered


def test_lost_replies_are_asked_for_again(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.script["record_results"].append(Answer(0))
    allocator.script["confirm_results"].append(Answer(0))

    finished = slot.run()

    assert finished.code == 0
    assert allocator.methods() == [
        "get_jobscript",
        "record_results",
        "record_results",
        "confirm_results",
        "confirm_results",
    ]
    first, second = allocator.messages("record_results")
    assert first == second


def test_refused_report_gives_the_job_up(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.script["record_results"].append(problem(409, "duplicate_output"))

    finished = slot.run()

    assert finished.code == 0
    aborted = allocator.one("job_aborted")
    assert (aborted.reason, aborted.method) == ("output_refused", "record_results")


def test_refused_slot_shows_in_the_exit_status(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.script["get_jobscript"].append(problem(403, "site_unknown"))

    assert slot.run().code == 1


def test_error_of_the_wrapper_itself_is_reported(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.script["get_jobscript"].append(Answer(body={"workflow_id": 1, "stage_id": 1}))

    finished = slot.run()

    assert finished.code == 0
    assert "Traceback" in finished.log
    assert allocator.one("job_aborted").reason == "wrapper_error"

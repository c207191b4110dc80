"""A report means what users expect of their jobscript's exit and lists."""

from datetime import UTC, datetime
from typing import Any

import pytest

from engine import verdicts
from engine.verdicts import Verdict
from justin.schemas.jobs import RecordResults
from justin.states import FileState, JobState
from models.reports import GivenFile

NOW = datetime(2026, 8, 1, tzinfo=UTC)
FIRST = GivenFile(1, "a:1", FileState.ALLOCATED, ("root://far/1", "file:///near/1"))
SECOND = GivenFile(2, "a:2", FileState.ALLOCATED, ("root://far/2",))


def judge(*given: GivenFile, asked: bool = True, **values: Any) -> Verdict:
    fields: dict[str, Any] = {
        "jobscript_exit": 0,
        "jobscript_start": NOW,
        "jobscript_finish": NOW,
        "real_seconds": 9,
        "cpu_seconds": 1,
        "max_rss_bytes": 1,
    }
    return verdicts.judge(RecordResults(**(fields | values)), given, asked=asked)


def test_only_what_is_listed_is_processed() -> None:
    verdict = judge(FIRST, SECOND, processed_dids=["a:2"])
    assert (verdict.state, verdict.processed) == (JobState.OUTPUTTING, (SECOND,))


@pytest.mark.parametrize("pfn", ["root://far/1", "file:///near/1", " file:///near/1 "])
def test_an_input_is_known_by_any_of_its_addresses(pfn: str) -> None:
    assert judge(FIRST, SECOND, processed_pfns=[pfn]).processed == (FIRST,)


def test_what_was_consumed_through_sam_is_processed() -> None:
    consumed = GivenFile(3, "a:3", FileState.OUTPUTTING, ())
    assert judge(FIRST, consumed).processed == (consumed,)


def test_unknown_lines_are_ignored_and_said() -> None:
    verdict = judge(FIRST, processed_dids=["a:1", "a:9"], processed_pfns=["", "x" * 10])
    assert verdict.processed == (FIRST,)
    assert "a:9" in verdict.remarks[0]


def test_a_job_that_got_no_file_did_well() -> None:
    assert judge().state is JobState.OUTPUTTING


@pytest.mark.parametrize(
    ("values", "state", "words"),
    [
        ({"jobscript_exit": 3}, JobState.JOBSCRIPT_ERROR, "status 3"),
        ({"jobscript_exit": -9}, JobState.JOBSCRIPT_ERROR, "signal 9"),
        ({"jobscript_exit": 0, "timed_out": True}, JobState.TIMED_OUT, "wall time"),
        ({"jobscript_exit": 1, "timed_out": True}, JobState.TIMED_OUT, "wall time"),
        ({"asked": False}, JobState.NO_INPUT_REQUESTED, "never asked"),
        ({"processed_dids": ["a:9"]}, JobState.NONE_PROCESSED, "none of them"),
    ],
)
def test_each_end_has_its_own_state(values: dict[str, Any], state: JobState, words: str) -> None:
    verdict = judge(FIRST, **values)
    assert (verdict.state, verdict.processed) == (state, ())
    assert words in verdict.message

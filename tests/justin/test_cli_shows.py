"""Subcommands that show: tables for people, JSON for programs."""

import hashlib
import json
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import justin
from justin.cli import why_not
from justin.schemas.explanations import FactoryView
from justin.states import FactoryLimit
from justin.testing import MockServer
from tests.justin.conftest import DIDS, QUERY, Run


@pytest.fixture
def _workflow(url: str, run: Run, jobscript: Path, server: MockServer) -> None:
    run(
        *["simple-workflow", "--name", "first", "--mql", QUERY, "--jobscript", jobscript],
        *["--output-pattern", "*.root:mine", "--lifetime-days", 7],
    )
    server.process(1, count=2)


pytestmark = pytest.mark.usefixtures("_workflow")

SHOWS: dict[str, list[Any]] = {
    "show-workflows": [],
    "show-campaigns": [],
    "show-stages": ["--workflow-id", 1],
    "show-jobscript": ["--workflow-id", 1],
    "show-stage-outputs": ["--workflow-id", 1],
    "show-files": ["--workflow-id", 1],
    "show-replicas": ["--workflow-id", 1],
    "show-datasets": ["--workflow-id", 1],
    "show-jobs": [],
    "explain": ["--workflow-id", 1],
    "events": [],
    "status": [],
    "preview": [QUERY],
    "whoami": [],
    "show-sites": [],
    "show-storages": [],
    "show-entries": ["--site", "MOCK_SITE"],
    "show-distances": ["--rse", "MOCK"],
    "set-distance": ["--site", "MOCK_SITE", "--rse", "MOCK", "--distance", 5],
    "show-probes": ["--site", "MOCK_SITE", "--matrix"],
    "show-integrity": [1],
    "check-workflow": [1],
    "diff": [1, 1],
    "time": [],
    "version": [],
    "pause-workflow": ["--workflow-id", 1],
    "finish-workflow": ["--workflow-id", 1],
    "fail-files": ["--workflow-id", 1],
    "retry-files": ["--workflow-id", 1],
    "create-campaign": ["--name", "spring"],
    "create-workflow": ["--mql", QUERY],
    "logs": ["1.0@mock"],
    "fetch-logs": ["--jobsub-id", "1.0@mock"],
}


@pytest.mark.parametrize("subcommand", SHOWS)
def test_json_is_one_document_and_nothing_else(run: Run, subcommand: str) -> None:
    result = run(subcommand, *SHOWS[subcommand], "--json")

    assert (result.code, result.err) == (0, "")
    assert isinstance(json.loads(result.out), list | dict)


@pytest.mark.parametrize("subcommand", SHOWS)
def test_without_a_terminal_there_are_no_colours_and_no_spaces_at_the_end(run: Run, subcommand: str) -> None:
    result = run(subcommand, *SHOWS[subcommand])

    assert (result.code, result.err) == (0, "")
    assert "\x1b" not in result.out
    assert not [line for line in result.out.splitlines() if line != line.rstrip()]


def test_workflows(run: Run) -> None:
    heading, row = run("show-workflows").out.splitlines()

    assert heading.split("  ")[0] == "Workflow"
    assert "Created (UTC)" in heading
    assert row.split()[:4] == ["1", "running", "tester", "usertests"]
    assert run("show-workflows", "--workflow-id", 1).out.splitlines()[1] == row
    assert len(run("show-workflows", "--state", "draft").out.splitlines()) == 1


def test_stages(run: Run) -> None:
    (_, row) = run("show-stages", "--workflow-id", 1).out.splitlines()

    assert "2000 MiB" in row
    assert "22 h 13 min" in row
    assert "3 unallocated, 2 processed" in row
    assert "2 finished" in row


def test_a_stage_that_is_not_there(run: Run) -> None:
    result = run("show-stages", "--workflow-id", 1, "--stage-id", 2)

    assert (result.code, result.out, result.err) == (23, "", "justin show-stages: workflow 1 has no stage 2\n")


def test_the_jobscript_is_printed_as_it_is(run: Run, jobscript: Path) -> None:
    assert run("show-jobscript", "--workflow-id", 1).out == jobscript.read_text(encoding="utf-8")
    document = json.loads(run("show-jobscript", "--workflow-id", 1, "--json").out)
    assert document == {
        "workflow_id": 1,
        "stage_id": 1,
        "jobscript_git": "",
        "jobscript_commit": "",
        "jobscript_sha256": hashlib.sha256(jobscript.read_bytes()).hexdigest(),
        "jobscript": jobscript.read_text(encoding="utf-8"),
    }


def test_outputs(run: Run) -> None:
    (_, row) = run("show-stage-outputs", "--workflow-id", 1).out.splitlines()

    assert row.split() == ["1", "*.root", "no", "2", "2.0", "KiB", "7", "d", "00", "h", "usertests:mine-w1s1p1"]


def test_files(run: Run) -> None:
    rows = run("show-files", "--workflow-id", 1, "--stage-id", 1).out.splitlines()[1:]

    assert [row.split()[0] for row in rows] == DIDS
    only = run("show-files", "--workflow-id", 1, "--file-did", DIDS[0], "--state", "processed").out.splitlines()[1:]
    assert [row.split()[0] for row in only] == [DIDS[0]]


def test_a_long_list_says_that_there_is_more(run: Run) -> None:
    result = run("show-files", "--workflow-id", 1, "--limit", 2)

    assert len(result.out.splitlines()) == 3
    assert result.err == "These are the first 2; there are more: give a larger --limit.\n"
    assert run("show-files", "--workflow-id", 1, "--limit", 7).err == ""


def test_replicas_by_storage_and_url(run: Run) -> None:
    url = "root://mock.invalid//usertests/raw-3.root"

    assert len(run("show-replicas", "--workflow-id", 1, "--rse", "MOCK").out.splitlines()) == 8
    assert len(run("show-replicas", "--workflow-id", 1, "--rse", "OTHER").out.splitlines()) == 1
    (_, row) = run("show-replicas", "--workflow-id", 1, "--pfn", url).out.splitlines()
    assert row.split() == [DIDS[2], "MOCK", url, "-"]


def test_jobs(run: Run) -> None:
    newest, oldest = run("show-jobs", "--workflow-id", 1).out.splitlines()[1:]

    assert newest.split()[:5] == ["2.0@mock", "1", "1", "finished", "MOCK_SITE"]
    assert run("show-jobs", "--jobsub-id", "1.0@mock").out.splitlines()[1] == oldest
    assert len(run("show-jobs", "--site", "ELSEWHERE").out.splitlines()) == 1


def test_events(run: Run) -> None:
    rows = run("events", "--workflow-id", 1, "--type", "file_processed").out.splitlines()[1:]

    assert [row.split()[1] for row in rows] == ["file_processed"] * 2
    assert len(run("events", "--workflow-id", 1, "--file-did", DIDS[0]).out.splitlines()) == 2


def test_events_newest_first(run: Run) -> None:
    def numbers(*options: object) -> list[int]:
        return [int(row.split()[0]) for row in run("events", *options).out.splitlines()[1:]]

    shown = numbers()
    assert shown == sorted(shown, reverse=True)
    assert numbers("--oldest-first") == shown[::-1]
    assert numbers("--limit", 2) == shown[:2]
    assert numbers("--after", shown[1]) == shown[2:]
    assert numbers("--oldest-first", "--after", shown[1]) == shown[:1]


def test_files_are_failed_and_retried(run: Run, server: MockServer) -> None:
    failed = run("fail-files", "--workflow-id", 1, "--file-did", DIDS[3], "--file-did", DIDS[4])
    assert failed.out == "2 files are failed now.\n"
    assert run("retry-files", "--workflow-id", 1, "--stage-id", 1).out == "2 files will be tried again.\n"
    assert server.process(1) == 3


ALL_LOGS = "; get all that the job left with: rucio download justin-logs:1.0-mock.logs.tgz\n"


def test_logs_in_an_archive(run: Run) -> None:
    assert run("fetch-logs", "--jobsub-id", "1.0@mock").out == f"Logs are in 1.0-mock.logs.tgz{ALL_LOGS}"

    with tarfile.open("1.0-mock.logs.tgz") as archive:
        (entry,) = archive.getmembers()
        content = archive.extractfile(entry)
        assert content is not None
        assert (entry.name, content.read()) == ("1.0-mock/jobscript.log", b"processed one file\n")


def test_logs_in_a_folder(run: Run) -> None:
    assert run("fetch-logs", "--jobsub-id", "1.0@mock", "--unpack").out == f"Logs are in 1.0-mock{ALL_LOGS}"

    assert Path("1.0-mock/jobscript.log").read_text() == "processed one file\n"


def test_logs_of_all_jobs_of_a_workflow(run: Run, server: MockServer) -> None:
    names = [job["jobsub_id"] for job in json.loads(run("show-jobs", "--workflow-id", 1, "--json").out)]
    assert len(names) > 1
    lines = run("fetch-logs", "--workflow-id", 1, "--unpack").out.splitlines()

    assert lines[:-1] == [f"{n}/{len(names)}  {name}  jobscript" for n, name in enumerate(names, 1)]
    assert lines[-1] == f"Logs of {len(names)} of {len(names)} jobs are in w1-logs"
    for name in names:
        assert Path("w1-logs", name.replace("@", "-"), "jobscript.log").read_text() == "processed one file\n"


def test_logs_of_a_stage_as_a_document(run: Run) -> None:
    arguments = ("fetch-logs", "--workflow-id", 1, "--stage-id", 1, "--limit", 1)
    result = run(*arguments, "--json")

    document = json.loads(result.out)
    (job,) = document["jobs"]
    assert (document["path"], job["logs"]) == ("w1s1-logs", ["jobscript"])
    with tarfile.open(job["path"]) as archive:
        assert archive.getnames() == [f"{job['jobsub_id'].replace('@', '-')}/jobscript.log"]
    assert "give a larger --limit" in result.err


def test_logs_of_a_workflow_without_jobs_in_that_state(run: Run) -> None:
    result = run("fetch-logs", "--workflow-id", 1, "--state", "stalled")
    assert result.out == "No logs of 0 jobs are kept yet\n"
    assert not Path("w1-logs").exists()


def test_status_of_all_and_of_one(run: Run, server: MockServer) -> None:
    assert run("status").out.splitlines()[1].split()[:4] == ["1", "running", "first", "2/5"]
    assert run("status", 1).out.splitlines()[0] == "Workflow 1 (first) is running"
    run("fail-files", "--workflow-id", 1, "--file-did", DIDS[4])
    assert "2/5 (1 given up)" in run("status", 1).out
    server.process(1)
    assert len(run("status").out.splitlines()) == 1


def test_preview(run: Run) -> None:
    assert run("preview", QUERY).out.splitlines() == ["5 files, among them", *(f"  {did}" for did in DIDS)]


def test_whoami_time_and_version(run: Run, url: str) -> None:
    assert run("whoami").out == "tester\n"
    shown = datetime.fromisoformat(run("time").out.replace(" UTC\n", "Z"))
    assert abs(shown - datetime.now(UTC)) < timedelta(minutes=1)
    expected = f"client {justin.__version__}\nserver {justin.__version__}, instance mock, at {url}\n"
    assert run("version").out == expected


def test_why_files_wait_is_told_answer_first(run: Run) -> None:
    assert run("explain", "--workflow-id", 1).out.startswith("Stage 1: 3 files wait.\n")
    run("pause-workflow", "--workflow-id", 1)

    result = run("explain", "--workflow-id", 1, "--file-did", DIDS[-1])

    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert lines[0] == "Stage 1: 1 files wait: letting the workflow run frees 1."
    assert "letting the workflow run 1" in lines
    assert "workflow_running the workflow is not running 1 1" in lines
    assert "MOCK_SITE MOCK 0 1 the workflow is not running" in lines
    assert "Jobs of the stage: 0 queued; 0 running." in lines
    assert run("explain", "--workflow-id", 1, "--site", "NOWHERE").code == 23


def test_a_distance_is_a_number_or_the_rules(run: Run) -> None:
    place = ("set-distance", "--site", "MOCK_SITE", "--rse", "MOCK")

    assert run(*place, "--distance", 5).out.splitlines()[1].split() == ["MOCK_SITE", "MOCK", "5", "hand", "0"]
    assert run(*place, "--by-rule").out.splitlines()[1].split() == ["MOCK_SITE", "MOCK", "0", "rule", "0"]
    for both_or_none in ((), ("--distance", 5, "--by-rule")):
        assert "--distance N, or --by-rule" in run(*place, *both_or_none).err
    assert run(*place, "--distance", 102).code != 0


def test_what_the_job_factory_decided_is_one_line() -> None:
    told = FactoryView(
        decided_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
        waiting_files=3200,
        queued_jobs=0,
        running_jobs=0,
        files_per_job=4.25,
        success_rate=0.875,
        wanted_jobs=1200,
        submitted_jobs=10,
        limited_by=FactoryLimit.QUOTA,
        sentence="The quota may have 10 jobs at a time.",
        sites=["CH_CERN", "UK_Manchester"],
    )
    assert why_not._factory(told) == (
        "The job factory at 2026-03-01 12:00:00 UTC: 1,200 more wanted, 10 submitted (a job is taken to process 4.25"
        " files, 88% of jobs to end well). The quota may have 10 jobs at a time. Jobs go to CH_CERN, UK_Manchester."
    )

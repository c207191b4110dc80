"""Compares what the database, MetaCat, Rucio and the storages themselves say of a workflow, file by file."""

import io
import json
import os
import subprocess
import sys
import tarfile
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from metacat.webapi import MetaCatClient

from justin.states import EventType, FileState, JobState, LogsState
from localgrid.grid import Grid
from models.moves import LOGS_EVENTS
from tests.support.rows import Rows

ROOT = Path(__file__).resolve().parents[2]
SCOPE = "usertests"
LOGS_SCOPE = "justin-logs"
LOGS_LIFETIME_SECONDS = 4_000_000
NINE_KEYS = {
    "user",
    "stage_id",
    "rss_bytes",
    "pattern_id",
    "processors",
    "workflow_id",
    "file_pattern",
    "wall_seconds",
    "jobscript_image",
}
FILE_KEYS = {
    "workflow_id",
    "stage_id",
    "site_name",
    "user",
    "hostname",
    "job_id",
    "jobscript_start",
    "jobscript_finish",
}
DUMP_SECONDS = 60

# The event that a file's or a job's state was reached by.
FILE_EVENTS = {
    FileState.OUTPUT: EventType.OUTPUT_REGISTERED,
    FileState.DROPPED: EventType.OUTPUT_DROPPED,
    FileState.FAILED: EventType.FILE_FAILED,
    FileState.NOTFOUND: EventType.FILE_NOTFOUND,
    FileState.PROCESSED: EventType.FILE_PROCESSED,
}


@dataclass(frozen=True)
class Books:
    """Everything that is known of one workflow, from every place that knows."""

    workflow_id: int
    prefix: str
    outputs: dict[str, dict[str, Any]]
    """From the database, by file name; what was dropped is not among them."""
    rucio: dict[str, Any]
    metacat: dict[str, dict[str, Any]]
    metacat_datasets: dict[str, dict[str, Any]]

    def check_files(self) -> None:
        """Every output is in the three alike, and its bytes are where Rucio says."""
        assert set(self.outputs) == set(self.rucio["files"]) == set(self.metacat)
        for name, output in self.outputs.items():
            self._check_rucio(name, output)
            self._check_metacat(name, output)

    def _check_rucio(self, name: str, output: dict[str, Any]) -> None:
        known = self.rucio["files"][name]
        assert (known["size_bytes"], known["adler32"]) == (output["size_bytes"], output["adler32"])
        assert known["states"] == {output["rse"]: "AVAILABLE"}
        content = Path(urlsplit(known["pfns"][output["rse"]]).path).read_bytes()
        assert (len(content), f"{zlib.adler32(content):08x}") == (output["size_bytes"], output["adler32"])

    def _check_metacat(self, name: str, output: dict[str, Any]) -> None:
        known = self.metacat[name]
        assert (known["size"], known["checksums"]["adler32"]) == (output["size_bytes"], output["adler32"])
        metadata = known["metadata"]
        workflow = metadata["dune.workflow"]
        assert set(workflow) >= FILE_KEYS
        assert (workflow["workflow_id"], workflow["stage_id"]) == (self.workflow_id, output["stage_number"])
        assert metadata["dune.output_status"] == "confirmed"

    def check_datasets(self, lifetimes_seconds: Mapping[str, float]) -> None:
        """Every output is in its dataset by storage and in its destination; all are closed, with the rules asked for.

        `lifetimes_seconds` are those of the outputs, by the beginning of their file names.
        """
        assert set(self.rucio["datasets"]) == set(self.metacat_datasets)
        for name, dataset in self.rucio["datasets"].items():
            assert not dataset["open"], name
            assert set(self.metacat_datasets[name]["files"]) == set(dataset["files"]), name
            assert set(self.metacat_datasets[name]["metadata"]["dune.workflow"]) >= NINE_KEYS
        for name, output in self.outputs.items():
            (lifetime,) = [seconds for begin, seconds in lifetimes_seconds.items() if name.startswith(begin)]
            self._check_membership(name, output, lifetime)

    def _check_membership(self, name: str, output: dict[str, Any], lifetime_seconds: float) -> None:
        plain = f"{self.prefix}w{self.workflow_id}s{output['stage_number']}p{output['pattern_id']}"
        destination = f"{output['destination']}-{plain}" if output["destination"] else plain
        there = {dataset for dataset, content in self.rucio["datasets"].items() if name in content["files"]}
        assert there == {f"{plain}-{output['rse']}", destination}
        (rule,) = self.rucio["datasets"][f"{plain}-{output['rse']}"]["rules"]
        assert (rule["rse_expression"], rule["copies"], rule["state"]) == (output["rse"], 1, "OK")
        assert abs(rule["lifetime_seconds"] - lifetime_seconds) < 60
        assert self.rucio["datasets"][destination]["rules"] == []


def read(grid: Grid, rows: Rows, workflow_id: int, instance: str = "") -> Books:
    """Read all books of a workflow."""
    prefix = f"{instance}-" if instance else ""
    outputs = {row["did"].split(":")[1]: row for row in rows.outputs(workflow_id)}
    # Reading needs no token, and another's are none of its business.
    metacat = MetaCatClient(grid.metacat_url, token_library=str(grid.directory / "no-tokens"))
    found = metacat.query(
        f"files where namespace={SCOPE} and dune.workflow['workflow_id']={workflow_id}",
        with_metadata=True,
        with_provenance=True,
    )
    names = [row["name"] for row in rows.datasets(workflow_id)]
    return Books(
        workflow_id=workflow_id,
        prefix=prefix,
        outputs=outputs,
        rucio=_rucio(grid, names, f"{prefix}w{workflow_id}s", [f"{row['destination']}-" for row in outputs.values()]),
        metacat={file["name"]: file for file in found},
        metacat_datasets={name: _metacat_dataset(metacat, name) for name in names},
    )


def check_each_processed_once(rows: Rows, workflow_id: int) -> None:
    """Every input was processed exactly once, and every output was registered exactly once."""
    inputs = rows.inputs(workflow_id)
    assert inputs
    assert Counter(row["state"] for row in inputs) == {"processed": len(inputs)}
    events = Counter((row["file_id"], row["event_type"]) for row in rows.events(workflow_id) if row["file_id"])
    for row in inputs:
        assert events[row["file_id"], EventType.FILE_PROCESSED] == 1
    for row in rows.outputs(workflow_id):
        registered = (
            events[row["file_id"], EventType.OUTPUT_REGISTERED] + events[row["file_id"], EventType.OUTPUT_PASSED_ON]
        )
        assert registered == 1, row["did"]


def check_logs(grid: Grid, rows: Rows, workflow_id: int, instance: str = "") -> dict[str, dict[str, bytes]]:
    """Every job's logs.tgz lies at a storage and is known to Rucio, with a rule, and to MetaCat; return what they hold.

    Only of jobs that have reported how their jobscript ended; the logs are registered by then.
    """
    beginning = f"{instance}-logstgz-" if instance else "logstgz-"
    in_rucio = rucio_dump(grid, LOGS_SCOPE, beginning)
    metacat = MetaCatClient(grid.metacat_url, token_library=str(grid.directory / "no-tokens"))
    stored = rows.logs(workflow_id)
    assert {row["jobsub_id"] for row in stored} == {
        job["jobsub_id"] for job in rows.jobs(workflow_id) if job["jobscript_exit"] is not None
    }
    return {row["jobsub_id"]: _check_stored_logs(row, beginning, in_rucio, metacat) for row in stored}


def _check_stored_logs(
    row: dict[str, Any], beginning: str, in_rucio: dict[str, Any], metacat: MetaCatClient
) -> dict[str, bytes]:
    assert row["state"] == LogsState.DONE, row["last_error"]
    assert row["did"] == f"{LOGS_SCOPE}:{row['jobsub_id'].replace('@', '-')}.logs.tgz"
    name = row["did"].partition(":")[2]
    dataset = f"{beginning}{row['period']}-{row['rse']}"
    assert [each for each, found in in_rucio["datasets"].items() if name in found["files"]] == [dataset]
    (rule,) = in_rucio["datasets"][dataset]["rules"]
    assert (rule["rse_expression"], rule["copies"], rule["state"]) == (row["rse"], 1, "OK")
    assert abs(rule["lifetime_seconds"] - LOGS_LIFETIME_SECONDS) < 60
    known, declared = in_rucio["files"][name], metacat.get_file(did=row["did"], with_metadata=True, with_datasets=True)
    assert (known["size_bytes"], known["adler32"]) == (declared["size"], declared["checksums"]["adler32"])
    assert [each["name"] for each in declared["datasets"]] == [dataset]
    about = declared["metadata"]["dune.workflow"]
    assert (about["workflow_id"], about["job_id"]) == (row["workflow_id"], row["jobsub_id"])
    assert about["jobscript_exit"] == row["jobscript_exit"]
    content = Path(urlsplit(known["pfns"][row["rse"]]).path).read_bytes()
    assert (len(content), f"{zlib.adler32(content):08x}") == (known["size_bytes"], known["adler32"])
    return _unpacked(content, row["jobsub_id"])


def _unpacked(content: bytes, folder: str) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = archive.getmembers()
        assert {member.name.partition("/")[0] for member in members} == {folder}
        opened = {member.name.partition("/")[2]: archive.extractfile(member) for member in members}
        return {name: file.read() for name, file in opened.items() if file}


def check_no_event_is_missing(rows: Rows, workflow_id: int) -> None:
    """The events tell the whole way of every file and job to where it is now."""
    events = rows.events(workflow_id)
    by_file: dict[int, list[str]] = {}
    by_job: dict[int, list[str]] = {}
    for event in events:
        if event["file_id"]:
            by_file.setdefault(event["file_id"], []).append(event["event_type"])
        elif event["job_id"] and event["event_type"] not in LOGS_EVENTS.values():
            by_job.setdefault(event["job_id"], []).append(event["event_type"])
    for file in rows.files(workflow_id):
        told = by_file[file["file_id"]]
        assert told[-1] == FILE_EVENTS[FileState(file["state"])], file["did"]
        assert told[0] == (EventType.OUTPUT_RECORDED if file["creator_job_id"] else EventType.FILE_ADDED), file["did"]
        assert told.count(EventType.FILE_ALLOCATED) == file["allocations"], file["did"]
    for job in rows.jobs(workflow_id):
        assert by_job[job["job_id"]][-1] == f"job_{JobState(job['state'])}", job["jobsub_id"]


def _rucio(grid: Grid, names: list[str], plain: str, destinations: list[str]) -> dict[str, Any]:
    """Read Rucio by the names it should have, not by those the database tells, so that a surplus is found too."""
    dumps = [
        rucio_dump(grid, SCOPE, prefix)
        for prefix in sorted({plain, *(f"{each}{plain}" for each in destinations if each != "-")})
    ]
    return {
        "datasets": {name: dataset for dump in dumps for name, dataset in dump["datasets"].items()},
        "files": {name: file for dump in dumps for name, file in dump["files"].items()},
        "expected": names,
    }


def rucio_dump(grid: Grid, scope: str, prefix: str) -> dict[str, Any]:
    """Read the datasets of a scope whose names begin with a prefix, and the files in them."""
    command = [sys.executable, "-m", "tests.support.rucio_dump", str(grid.secret_file("rucio-justin")), scope, prefix]
    environment = {"PATH": os.environ["PATH"], "RUCIO_HOME": str(grid.rucio.client_home)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=DUMP_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


def _metacat_dataset(metacat: MetaCatClient, name: str) -> dict[str, Any]:
    dataset = metacat.get_dataset(f"{SCOPE}:{name}")
    files = metacat.get_dataset_files(f"{SCOPE}:{name}")
    return {"metadata": dataset["metadata"], "files": sorted(file["name"] for file in files)}

"""The user's metadata is completed with how the file was made."""

from dataclasses import replace
from datetime import UTC, datetime

from engine import metadata
from models.reports import Provenance, ReportingJob

START = datetime(2026, 8, 1, 12, tzinfo=UTC)
JOB = ReportingJob(
    "1.0@pool", "UK_Manchester", 1, 504, 77, 2, "usertests", "alice", "node1", "a CPU", "AlmaLinux 9", ""
)
PROVENANCE = Provenance(JOB, START, START, 12.5, 11.0, 1000, "")


def test_ours_wins_and_has_the_thirteen_keys() -> None:
    complete = metadata.complete({"core.x": 1, "dune.workflow": "mine"}, PROVENANCE)
    assert complete == {
        "core.x": 1,
        "dune.output_status": "recorded",
        "dune.workflow": {
            "site_name": "UK_Manchester",
            "workflow_id": 504,
            "stage_id": 2,
            "user": "alice",
            "hostname": "node1",
            "jobscript_start": 1785585600,
            "jobscript_finish": 1785585600,
            "jobscript_real_seconds": 12.5,
            "jobscript_cpu_seconds": 11.0,
            "jobscript_max_rss_bytes": 1000,
            "cpuinfo": "a CPU",
            "os_release": "AlmaLinux 9",
            "job_id": "1.0@pool",
        },
    }


def test_the_image_is_told_where_it_is_known() -> None:
    complete = metadata.complete({}, replace(PROVENANCE, image_digest="sha256:ab"))
    assert complete["dune.workflow"]["image_digest"] == "sha256:ab"

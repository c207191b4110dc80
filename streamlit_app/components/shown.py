"""The columns in which things are listed, wherever that is."""

from typing import Final

from streamlit_app.components import columns
from streamlit_app.components.columns import Columns

WORKFLOWS: Final[Columns] = {
    "workflow_id": columns.link("Workflow", "workflow", "workflow"),
    "name": columns.text("Name"),
    "user": columns.text("User"),
    "state": columns.text("State"),
    "state_message": columns.text("Message"),
    "scope": columns.text("Scope"),
    "mql": columns.text("Query"),
    "priority": columns.number("Priority"),
    "created_at": columns.time("Made"),
    "finished_at": columns.time("Finished"),
}
CAMPAIGNS: Final[Columns] = {
    "campaign_id": columns.link("Campaign", "workflows", "campaign"),
    "name": columns.text("Name"),
    "description": columns.text("Description"),
    "user": columns.text("User"),
    "created_at": columns.time("Made"),
    "workflows": columns.text("Workflows by state"),
}
JOBS: Final[Columns] = {
    "jobsub_id": columns.link("Job", "job", "job"),
    "state": columns.text("State"),
    "state_message": columns.text("Message"),
    "workflow_id": columns.link("Workflow", "workflow", "workflow"),
    "stage_id": columns.number("Stage"),
    "site": columns.link("Site", "jobs", "site"),
    "entry": columns.text("Entry"),
    "hostname": columns.text("Node"),
    "jobscript_exit": columns.number("Exit"),
    "inputs": columns.number("Inputs"),
    "outputs": columns.number("Outputs"),
    "real_seconds": columns.seconds("Ran for (h:mm:ss)"),
    "cpu_seconds": columns.seconds("Processor time (h:mm:ss)"),
    "max_rss_bytes": columns.size("Memory"),
    "submitted_at": columns.time("Submitted"),
    "started_at": columns.time("Started"),
    "finished_at": columns.time("Ended"),
}
FILES: Final[Columns] = {
    "did": columns.text("File"),
    "state": columns.text("State"),
    "stage_id": columns.number("Stage", "That takes it; none for outputs that no stage takes."),
    "allocations": columns.number("Allocations", "How often it was given to a job."),
    "size_bytes": columns.size("Size"),
    "jobsub_id": columns.link("Job", "job", "job"),
    "creator_jobsub_id": columns.link("Made by", "job", "job"),
    "adler32": columns.text("Adler-32"),
}
REPLICAS: Final[Columns] = {
    "rse": columns.text("RSE"),
    "wan_pfn": columns.text("Address"),
    "lan_pfn": columns.text("Address at the site itself"),
}
EVENTS: Final[Columns] = {
    "event_id": columns.number("Event"),
    "event_type": columns.text("Type"),
    "time": columns.time("Time"),
    "workflow_id": columns.link("Workflow", "workflow", "workflow"),
    "stage_id": columns.number("Stage"),
    "did": columns.text("File"),
    "jobsub_id": columns.link("Job", "job", "job"),
    "site": columns.text("Site"),
    "entry": columns.text("Entry"),
    "rse": columns.text("RSE"),
    "actor": columns.text("By"),
    "details": columns.text("Details"),
}
DATASETS: Final[Columns] = {
    "did": columns.text("Dataset"),
    "kind": columns.text("Kind"),
    "stage_id": columns.number("Stage"),
    "pattern_id": columns.number("Pattern"),
    "rse": columns.text("RSE"),
    "files": columns.number("Files"),
    "closed_at": columns.time("Closed"),
}
SITES: Final[Columns] = {
    "name": columns.link("Site", "entries", "site"),
    "country": columns.text("Country"),
    "region": columns.text("Region"),
    "enabled": columns.yes_or_no("Enabled"),
    "disabled_reason": columns.text("Why it is disabled"),
    "entries": columns.number("Entries", "That their pilot factories use."),
    "gpu_entries": columns.number("With GPUs"),
    "container_entries": columns.number("With containers", "Where jobs have shown that they can start containers."),
    "last_seen_at": columns.time("Last seen"),
    "retired_at": columns.time("Without entries since"),
}
ENTRIES: Final[Columns] = {
    "name": columns.text("Entry"),
    "site": columns.text("Site"),
    "source": columns.text("Configured in"),
    "enabled": columns.yes_or_no("Used"),
    "processors": columns.number("Processors"),
    "rss_bytes": columns.size("Memory"),
    "wall_seconds": columns.seconds("Wall time (h:mm:ss)"),
    "gpus": columns.number("GPUs"),
    "inner_container": columns.yes_or_no("Containers"),
    "inner_container_at": columns.time("Containers known since"),
    "last_seen_at": columns.time("Last seen"),
}
STORAGES: Final[Columns] = {
    "name": columns.link("RSE", "distances", "storage"),
    "site": columns.text("Site"),
    "country": columns.text("Country"),
    "tape": columns.yes_or_no("Tape"),
    "readable": columns.yes_or_no("Read"),
    "writable": columns.yes_or_no("Written"),
    "disabled_reason": columns.text("Why it is disabled"),
    "occupancy": columns.share("Full"),
    "used_bytes": columns.size("Used"),
    "total_bytes": columns.size("Total"),
    "deterministic": columns.yes_or_no("Deterministic"),
    "last_seen_at": columns.time("Last seen"),
}
FAILURES: Final[Columns] = {
    "state": columns.text("Jobs ended as"),
    "message": columns.text("Message"),
    "jobscript_exit": columns.number("Exit"),
    "jobs": columns.number("Jobs"),
    "last_at": columns.time("Last"),
    "jobsub_id": columns.link("For example", "job", "job"),
}
TROUBLE: Final[Columns] = {
    "workflow_id": columns.link("Workflow", "workflow", "workflow"),
    "name": columns.text("Name"),
    "user": columns.text("User"),
    "state": columns.text("State"),
    "message": columns.text("Message"),
    "at": columns.time("Since"),
}

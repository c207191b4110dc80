"""What stages need of jobs, made for tests of the job factory's plan: small stages whose first job has ended well."""

from typing import Any

from models.demand import Place, StageDemand

ANYWHERE = (Place("A", None), Place("B", None))


def make_demand(stage_id: int = 1, **values: Any) -> StageDemand:
    """Make the demand of a stage; as many jobs are queued in the whole pool and of its quota as of itself."""
    queued = values.get("queued_jobs", 0)
    row: dict[str, Any] = {
        "workflow_id": stage_id,
        "stage_number": 1,
        "waiting_files": 0,
        "files_wait": values.get("waiting_files", 0) > 0,
        "queued_jobs": 0,
        "oldest_queued_seconds": 0.0 if queued else None,
        "last_start_seconds": 0.0,
        "running_jobs": 0,
        "unasked_jobs": 0,
        "ended_jobs": 1,
        "good_jobs": 1,
        "fruitful_jobs": 1,
        "processed_files": 1,
        "max_jobs": None,
        "max_files_per_job": 20,
        "processors": 1,
        "rss_bytes": 1 << 30,
        "wall_seconds": 3600,
        "gpus": 0,
        "gpu_memory_bytes": 0,
        "gpu_min_capability": 0.0,
        "gpu_max_capability": 0.0,
        "gpu_min_runtime": 0.0,
        "gpu_model": "",
        "image": "",
        "classads": None,
        "quota_id": 1,
        "accounting_group": "",
        "quota_max_jobs": 100_000,
        "quota_jobs": queued + values.get("running_jobs", 0),
        "all_queued_jobs": queued,
        "queued_sites": ["A", "B"] if queued else [],
        "queued_entries": [],
    } | values
    return StageDemand(stage_id=stage_id, **row)

"""What keeps a stage from a slot: one list of named conditions, for choosing a stage and for saying why not."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition that a stage must meet; in SQL, over the names that `choose_stage.sql` and `why_not.sql` join."""

    name: str
    condition: str
    sentence: str
    """What it means when the condition is not met."""


ASKED: Final = (
    Filter("workflow_running", "workflow.state = 'running'", "the workflow is not running"),
    Filter("user_enabled", "owner.enabled", "the workflow's user is disabled"),
    Filter("scope_enabled", "scope.enabled", "the scope is disabled"),
    Filter("quota_enabled", "quota.enabled", "the quota is disabled"),
    Filter(
        "quota_has_room",
        "coalesce(quota_load.running_jobs, 0) < quota.max_running_jobs",
        "the quota runs as many jobs as it may",
    ),
    Filter(
        "stage_has_room",
        "(stage.max_jobs IS NULL OR coalesce(stage_load.running_jobs, 0) < stage.max_jobs)",
        "the stage runs as many jobs as it may",
    ),
)
"""About the stage and those who pay for it."""

PLACED: Final = (
    Filter("site_enabled", "site.enabled", "the site is disabled"),
    Filter(
        "site_allowed",
        "(NOT EXISTS (SELECT FROM stage_sites AS chosen WHERE chosen.stage_id = stage.stage_id)"
        " OR EXISTS (SELECT FROM stage_sites AS chosen"
        " WHERE chosen.stage_id = stage.stage_id AND chosen.site_id = site.site_id))",
        "the stage is confined to other sites",
    ),
)
"""About the stage and the site of the slot."""

FITTING: Final = (
    Filter(
        "quota_of_job",
        "(%(quota_id)s::bigint IS NULL OR quota.quota_id = %(quota_id)s)",
        "the job was submitted for another quota",
    ),
    Filter("processors", "stage.processors <= %(processors)s", "the slot has too few processors"),
    Filter("memory", "stage.rss_bytes <= %(rss_bytes)s", "the slot has too little memory"),
    Filter("wall_time", "stage.wall_seconds <= %(wall_seconds)s", "the slot has too little time left"),
    Filter(
        "inner_container",
        "(stage.image = '' OR %(has_inner_apptainer)s::boolean)",
        "the slot cannot start the stage's container",
    ),
    Filter("gpus", "stage.gpus <= %(gpus)s", "the slot has too few GPUs"),
    Filter(
        "gpus_needed",
        "(stage.gpus > 0 OR %(gpus)s = 0 OR %(lend_gpus)s::boolean)",
        "the slot's GPUs are kept for stages that need them",
    ),
    Filter(
        "gpu_memory",
        "(stage.gpus = 0 OR coalesce(stage.gpu_memory_bytes, 0) <= %(gpu_memory_bytes)s)",
        "the slot's GPUs have too little memory",
    ),
    Filter(
        "gpu_capability",
        "(stage.gpus = 0 OR (coalesce(stage.gpu_min_capability, 0) <= %(gpu_lowest_capability)s::numeric"
        " AND coalesce(stage.gpu_max_capability, 1000) >= %(gpu_highest_capability)s::numeric))",
        "the slot's GPUs have another compute capability",
    ),
    Filter(
        "gpu_runtime",
        "(stage.gpus = 0 OR coalesce(stage.gpu_min_runtime, 0) <= %(gpu_runtime)s::numeric)",
        "the slot's GPU runtime is too old",
    ),
    Filter(
        "gpu_model",
        "(stage.gpus = 0 OR stage.gpu_model = '' OR NOT EXISTS (SELECT FROM unnest(%(gpu_names)s::text[]) AS name"
        r" WHERE name NOT LIKE replace(replace(replace(stage.gpu_model, '%%', '\%%'), '_', '\_'), '*', '%%')))",
        "the slot's GPUs are of another model",
    ),
)
"""About the stage and the slot itself."""

FILES_WAIT: Final = Filter("files_wait", "", "no file of the stage waits")
IN_REACH: Final = Filter("in_reach", "", "no waiting file is at a readable storage within the stage's distance")


def all_met(filters: tuple[Filter, ...]) -> str:
    """Return the condition that a stage meets all filters."""
    return " AND ".join(one.condition for one in filters)


def first_unmet(filters: tuple[Filter, ...]) -> str:
    """Return branches of a CASE that give the name of the first filter that is not met."""
    return " ".join(f"WHEN NOT {one.condition} THEN '{one.name}'" for one in filters)

"""What keeps a stage from a slot: one list of named conditions, for choosing a stage and for saying why not."""

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition that a stage must meet; in SQL, over the names that `choose_stage.sql` and `why_not.sql` join."""

    name: str
    condition: str
    sentence: str
    """What it means when the condition is not met."""
    remedy: str = ""
    """What would meet it; `{site}`, `{rse}` and `{distance}` stand for where. Empty when nothing to be done helps."""


def all_met(filters: tuple[Filter, ...]) -> str:
    """Return the condition that a stage meets all filters."""
    return " AND ".join(one.condition for one in filters)


ASKED: Final = (
    Filter("workflow_running", "workflow.state = 'running'", "the workflow is not running", "letting the workflow run"),
    Filter("user_enabled", "owner.enabled", "the workflow's user is disabled", "enabling the workflow's user"),
    Filter("scope_enabled", "scope.enabled", "the scope is disabled", "enabling the scope"),
    Filter("quota_enabled", "quota.enabled", "the quota is disabled", "enabling the quota"),
    Filter(
        "quota_has_room",
        "coalesce(quota_load.running_jobs, 0) < quota.max_running_jobs",
        "the quota runs as many jobs as it may",
        "letting the quota run more jobs",
    ),
    Filter(
        "stage_has_room",
        "(stage.max_jobs IS NULL OR coalesce(stage_load.running_jobs, 0) < stage.max_jobs)",
        "the stage runs as many jobs as it may",
        "letting the stage run more jobs",
    ),
)
"""About the stage and those who pay for it."""

PLACED: Final = (
    Filter("site_enabled", "site.enabled", "the site is disabled", "enabling the site {site}"),
    Filter(
        "site_allowed",
        "(NOT EXISTS (SELECT FROM stage_sites AS chosen WHERE chosen.stage_id = stage.stage_id)"
        " OR EXISTS (SELECT FROM stage_sites AS chosen"
        " WHERE chosen.stage_id = stage.stage_id AND chosen.site_id = site.site_id))",
        "the stage is confined to other sites",
        "letting the stage run at {site}",
    ),
)
"""About the stage and the site of the slot."""


def _offered(name: str, met: str, sentence: str, remedy: str) -> Filter:
    """Make the filter that some entry of the site meets a condition; a site without entries may offer anything."""
    own = "SELECT FROM entries AS entry WHERE entry.site_id = site.site_id"
    return Filter(name, f"(NOT EXISTS ({own}) OR EXISTS ({own} AND {met}))", sentence, remedy)


def _seen(name: str, met: str, sentence: str, remedy: str) -> Filter:
    """Make the filter that some GPU of the site meets a condition; where none was seen there may be any."""
    own = "SELECT FROM seen_gpus AS seen WHERE seen.site_id = site.site_id"
    return Filter(name, f"(stage.gpus = 0 OR NOT EXISTS ({own}) OR EXISTS ({own} AND {met}))", sentence, remedy)


# An entry's memory or wall time of 0 is not known, nor whether it can start containers before a job has told.
_PROCESSORS: Final = "stage.processors <= entry.processors"
_MEMORY: Final = "(entry.rss_bytes = 0 OR stage.rss_bytes <= entry.rss_bytes)"
_WALL_TIME: Final = "(entry.wall_seconds = 0 OR stage.wall_seconds <= entry.wall_seconds)"
_CONTAINER: Final = "(stage.image = '' OR entry.inner_container IS NOT FALSE)"
_GPUS: Final = "stage.gpus <= entry.gpus"
_GPUS_KEPT: Final = "(stage.gpus > 0 OR NOT entry.gpus_always)"
_ENTRY_IS: Final = ("entry.enabled", _PROCESSORS, _MEMORY, _WALL_TIME, _CONTAINER, _GPUS, _GPUS_KEPT)

_GPU_MEMORY: Final = "coalesce(stage.gpu_memory_bytes, 0) <= seen.memory_bytes"
_GPU_CAPABILITY: Final = (
    "seen.capability BETWEEN coalesce(stage.gpu_min_capability, 0) AND coalesce(stage.gpu_max_capability, 1000)"
)
_GPU_RUNTIME: Final = "coalesce(stage.gpu_min_runtime, 0) <= seen.runtime"
_GPU_MODEL: Final = (
    "(stage.gpu_model = '' OR seen.name LIKE"
    r" replace(replace(replace(stage.gpu_model, '%%', '\%%'), '_', '\_'), '*', '%%'))"
)
_GPU_IS: Final = (_GPU_MEMORY, _GPU_CAPABILITY, _GPU_RUNTIME, _GPU_MODEL)

_BY_ENTRIES: Final = (
    _offered("entry_enabled", "entry.enabled", "no entry is used now", "enabling an entry of {site}"),
    _offered("entry_processors", _PROCESSORS, "no entry has as many processors", "asking for fewer processors"),
    _offered("entry_memory", _MEMORY, "no entry has as much memory", "asking for less memory"),
    _offered("entry_wall_time", _WALL_TIME, "no entry has as much wall time", "asking for less wall time"),
    _offered("entry_container", _CONTAINER, "no entry can start a container", "doing without an image"),
    _offered("entry_gpus", _GPUS, "no entry has as many GPUs", "asking for fewer GPUs"),
    _offered(
        "entry_gpus_kept",
        _GPUS_KEPT,
        "every entry is kept for stages that need GPUs",
        "having an entry without GPUs at {site}",
    ),
)
_BY_GPUS: Final = (
    _seen("entry_gpu_memory", _GPU_MEMORY, "no GPU has as much memory", "asking for less memory of GPUs"),
    _seen("entry_gpu_capability", _GPU_CAPABILITY, "no GPU has the capability", "asking for another capability"),
    _seen("entry_gpu_runtime", _GPU_RUNTIME, "every GPU's runtime is too old", "asking for an older runtime of GPUs"),
    _seen("entry_gpu_model", _GPU_MODEL, "no GPU is of the model", "asking for another model of GPUs"),
)


def _at_once(one: Filter, singles: tuple[Filter, ...]) -> Filter:
    """Let a filter say something only where none of the single ones does."""
    return replace(one, condition=f"(NOT ({all_met(singles)}) OR {one.condition})")


OFFERED: Final = (
    *_BY_ENTRIES,
    _at_once(
        _offered("entry_all", " AND ".join(_ENTRY_IS), "no entry has all that is asked for", "asking for less"),
        _BY_ENTRIES,
    ),
    *_BY_GPUS,
    _at_once(
        _seen("entry_gpu_all", " AND ".join(_GPU_IS), "no GPU is all that is asked for", "asking for less of GPUs"),
        _BY_GPUS,
    ),
)
"""About the stage and what a site has, as far as its entries and the jobs that ran there tell."""

ENTRY_FITS: Final = " AND ".join(_ENTRY_IS)
"""That jobs of a stage may come through an entry."""

STORED: Final = (
    Filter(
        "in_reach",
        "distance.distance <= stage.max_distance",
        "the storage is farther than the stage reaches",
        "a max distance of {distance}",
    ),
    Filter(
        "storage_allowed",
        "(confined.storage_ids IS NULL OR storage.storage_id = ANY(confined.storage_ids))",
        "the stage takes inputs from other storages only",
        "letting the stage read at {rse}",
    ),
    Filter("storage_known", "storage.retired_at IS NULL", "Rucio does not know the storage any more"),
    Filter(
        "storage_readable",
        "storage.rucio_read",
        "Rucio says that the storage cannot be read",
        "making {rse} readable in Rucio",
    ),
    Filter(
        "reading_enabled", "storage.enabled_read", "reading at the storage is disabled", "enabling reading at {rse}"
    ),
    Filter(
        "probes_can_read",
        "distance.unreadable IS NOT TRUE",
        "the site's last probes could not read at the storage",
        "mending what keeps {site} from reading at {rse}",
    ),
)
"""About the stage, the site of the slot and a storage with waiting files."""

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

ALL: Final = (*ASKED, *PLACED, *OFFERED, *STORED)
"""What can be said before there is a slot, in the order in which it is asked."""


def all_unmet(filters: tuple[Filter, ...]) -> str:
    """Return an array of the names of the filters that are not met, in their order."""
    cases = ", ".join(f"CASE WHEN ({one.condition}) IS NOT TRUE THEN '{one.name}' END" for one in filters)
    return f"array_remove(ARRAY[{cases}], NULL)"

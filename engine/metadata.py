"""What MetaCat is told of an output: the user's own metadata, and how the file was made."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from justin.schemas.metadata import STATUS_KEY, STRANGERS_KEY, WORKFLOW_KEY
from models.reports import Provenance

RECORDED: Final = "recorded"


def complete(metadata: Mapping[str, Any], provenance: Provenance, strangers: Sequence[str] = ()) -> dict[str, Any]:
    """Add how the file was made; what is ours wins over a user's key of the same name.

    `strangers` are the inputs that cannot be parents, for MetaCat does not know them.
    """
    image = {"image_digest": provenance.image_digest} if provenance.image_digest else {}
    ours = {WORKFLOW_KEY: _how(provenance) | image, STATUS_KEY: RECORDED}
    told = {key: value for key, value in metadata.items() if key != STRANGERS_KEY}
    return {**told, **ours, **({STRANGERS_KEY: sorted(strangers)} if strangers else {})}


def _how(made: Provenance) -> dict[str, Any]:
    """Give the thirteen keys by which DUNE finds out how a file was made."""
    return {
        "site_name": made.job.site,
        "workflow_id": made.job.workflow_id,
        "stage_id": made.job.stage_number,
        "user": made.job.user,
        "hostname": made.job.hostname,
        "jobscript_start": int(made.jobscript_start.timestamp()),
        "jobscript_finish": int(made.jobscript_finish.timestamp()),
        "jobscript_real_seconds": made.real_seconds,
        "jobscript_cpu_seconds": made.cpu_seconds,
        "jobscript_max_rss_bytes": made.max_rss_bytes,
        "cpuinfo": made.job.cpuinfo,
        "os_release": made.job.os_release,
        "job_id": made.job.jobsub_id,
    }

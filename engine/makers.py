"""What datasets tell of how their files were made, read whatever version of this system wrote it."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from justin.schemas.provenance import MakerView

_EXPECTED: Final = (
    "file_pattern",
    "pattern_id",
    "user",
    "processors",
    "rss_bytes",
    "wall_seconds",
    "jobscript_image",
    "image_digest",
    "jobscript",
    "jobscript_sha256",
    "jobscript_git",
    "jobscript_commit",
    "git_repos",
    "environment",
    "justin_version",
    "instance",
    "max_distance",
    "lifetime_seconds",
)


def read(dataset: str, told: Mapping[str, Any]) -> MakerView:
    """Read a dataset's `dune.workflow`; what is missing, or of a kind that makes no sense, counts as not recorded."""
    values = {name: value for name, value in told.items() if name in MakerView.model_fields and value is not None}
    identity = {"key": dataset, "dataset": dataset, "not_recorded": []}
    try:
        maker = MakerView.model_validate(values | identity)
    except ValidationError as error:
        wrong = {str(each["loc"][0]) for each in error.errors()}
        values = {name: value for name, value in values.items() if name not in wrong}
        maker = MakerView.model_validate(values | identity)
    missing = [name for name in _EXPECTED if name not in values and name not in told]
    wrong_kind = [name for name in told if name in MakerView.model_fields and told[name] is not None]
    missing += [name for name in wrong_kind if name not in values]
    return maker.model_copy(update={"not_recorded": sorted(missing)})


def unrecorded(did: str, how: Mapping[str, Any]) -> MakerView:
    """Say what a file alone tells of the stage that made it, when none of its datasets does."""
    workflow_id, stage_id = int(how["workflow_id"]), int(how["stage_id"])
    return MakerView(
        key=f"{did.partition(':')[0]}:w{workflow_id}s{stage_id}",
        workflow_id=workflow_id,
        stage_id=stage_id,
        user=str(how.get("user") or ""),
        not_recorded=sorted(set(_EXPECTED) - {"user"}),
    )

"""Who runs a jobscript on the node itself, and who in a container only."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from engine.errors import InvalidInput
from engine.settings import Containers
from justin.schemas.specs import StageSpec


def confine(stages: Sequence[StageSpec], quota: str, rules: Containers) -> list[StageSpec]:
    """Return the stages with the images that their jobs run in.

    Raises `InvalidInput` for a stage that names none where there must be one and there is no image for such stages.
    """
    if any(fnmatchcase(quota, pattern) for pattern in rules.privileged_quotas):
        return list(stages)
    if not rules.default_image and not all(spec.image for spec in stages):
        raise InvalidInput(f"Jobs of the quota {quota} run in containers only: name an image for each stage.")
    return [spec.model_copy(update={"image": spec.image or rules.default_image}) for spec in stages]

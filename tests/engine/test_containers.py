"""Stages of those who are not trusted with the node itself run in a container, or are refused."""

import pytest

from engine import containers
from engine.errors import InvalidInput
from engine.settings import Containers
from justin.schemas.specs import StageSpec

IMAGE = "/images/ours"
DEFAULT = "/images/default"


def images(rules: Containers, *asked: str, quota: str = "user_ann") -> list[str]:
    stages = [StageSpec(jobscript="#!/bin/sh\n", image=image) for image in asked]
    return [stage.image for stage in containers.confine(stages, quota, rules)]


@pytest.mark.parametrize(
    ("quota", "confined"),
    [("production", ["", IMAGE]), ("group_pro", ["", IMAGE]), ("user_ann", [DEFAULT, IMAGE])],
)
def test_who_is_not_privileged_gets_the_default_image(quota: str, confined: list[str]) -> None:
    rules = Containers(default_image=DEFAULT, privileged_quotas=["production", "group_*"])
    assert images(rules, "", IMAGE, quota=quota) == confined


def test_without_a_default_image_each_stage_must_name_one() -> None:
    with pytest.raises(InvalidInput, match="user_ann run in containers only: name an image"):
        images(Containers(), IMAGE, "")
    assert images(Containers(), IMAGE) == [IMAGE]

"""Validation errors as people read them."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from justin.schemas import sentences
from justin.schemas.jobs import RecordResults
from justin.schemas.specs import CampaignSpec, StageSpec, WorkflowSpec
from justin.schemas.views import Page, WorkflowView

SCRIPT = "#!/bin/sh\n"


def told(model: type[BaseModel], data: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(data)
    return [str(each) for each in sentences.of(caught.value, model)]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("processors", "many", "processors must be a whole number"),
        ("processors", 1.5, "processors must be a whole number"),
        ("processors", 0, "processors must be at least 1"),
        ("processors", 5000, "processors must be at most 1024"),
        ("image", "two words", "image must be an image's address or path, without spaces"),
        ("sites", "UK", "sites must be a list"),
        ("sites", ["a site"], "sites[1] must be the name of a site"),
        ("output_rses", ["lower"], "output_rses[1] must be the name of an RSE"),
        ("environment", ["A"], "environment must be names with values"),
        ("environment", {"1A": "x"}, "environment.1A must be a variable's name"),
        ("classads", {"A": "two\nlines"}, "classads.A must be an attribute's name"),
        ("outputs", [{"pattern": "*"}], "outputs[1] is not valid: an output in Rucio needs lifetime_days"),
        ("outputs", [{"lifetime_days": 1}], "outputs[1].pattern is missing"),
        ("outputs", [{"pattern": "*", "lifetime_days": 0}], "outputs[1].lifetime_days must be more than 0"),
        ("gpus", {"min_capability": 7.555}, "gpus.min_capability has more than 2 digits after the point"),
        ("gpus", {"min_capability": "8", "max_capability": "7"}, "gpus is not valid: min_capability is above"),
        ("gpus", 1, "gpus must be names with values"),
        ("wall_second", 5, "wall_second is not a known field: did you mean 'wall_seconds'?"),
    ],
)
def test_a_stage(field: str, value: Any, sentence: str) -> None:
    assert told(StageSpec, {"jobscript": SCRIPT, field: value})[0].startswith(sentence)


def test_a_field_unlike_any_other_is_told_with_the_known_ones() -> None:
    assert told(CampaignSpec, {"name": "a", "xyz": 1}) == ["xyz is not a known field: known are description, name"]


def test_a_misspelt_field_deep_inside_is_told_with_its_place() -> None:
    data = {"mql": "monte-carlo 1", "stages": [{"jobscript": SCRIPT, "gpus": {"cout": 1}}]}

    assert told(WorkflowSpec, data) == ["stages[1].gpus.cout is not a known field: did you mean 'count'?"]


@pytest.mark.parametrize("model", [WorkflowSpec, StageSpec, RecordResults, WorkflowView, Page[WorkflowView]])
def test_nothing_is_said_in_the_words_of_a_program(model: type[BaseModel]) -> None:
    data = dict.fromkeys(model.model_fields, object())

    assert not [each for each in told(model, data) if "Input should" in each or "is not valid: Value error" in each]

"""Validation errors as sentences for people: which field, and what it should have been."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]

_WORDS = {
    "missing": "is missing",
    "string_type": "must be text: put it in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "decimal_type": "must be a number",
    "decimal_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be names with values",
    "model_type": "must be names with values",
    "model_attributes_type": "must be names with values",
    "datetime_from_date_parsing": "must be a date and time with a zone, such as 2026-08-01T12:00:00Z",
    "datetime_parsing": "must be a date and time with a zone, such as 2026-08-01T12:00:00Z",
    "datetime_type": "must be a date and time with a zone, such as 2026-08-01T12:00:00Z",
    "timezone_aware": "needs a time zone, such as the Z in 2026-08-01T12:00:00Z",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "string_too_long": "is longer than {max_length} characters",
    "string_too_short": "is empty",
    "too_long": "has more than {max_length} entries",
    "decimal_max_places": "has more than {decimal_places} digits after the point",
    "decimal_max_digits": "has more than {max_digits} digits",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "json_invalid": "is not valid JSON: {error}",
}

_PATTERNS = {
    "pattern": "may hold letters, digits, '_', '.', '-' and '*' only: outputs are matched in the workspace itself",
    "scope": "must be a scope: up to 25 letters, digits, '_', '.' and '-'",
    "output_rses": "must be the name of an RSE: capital letters, digits, '_' and '-'",
    "input_rses": "must be the name of an RSE: capital letters, digits, '_' and '-'",
    "sites": "must be the name of a site: letters, digits, '_', '.' and '-'",
    "environment": "must be a variable's name (letters, digits and '_', no digit first) with a value without NUL",
    "classads": "must be an attribute's name (letters, digits and '_', no digit first) with a value on one line",
    "organisation": "must be the name of an organisation or user: letters, digits, '_', '.' and '-'",
    "repository": "must be the name of a repository: letters, digits, '_', '.' and '-'",
    "tag": "must be a tag, a branch or a commit: letters, digits, '_', '.', '/', '+' and '-', beginning with one of "
    "the first three",
    "path": "must be the path of a file in the repository",
    "image": "must be an image's address or path, without spaces",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a document."""

    location: Location
    sentence: str
    line: int | None = None

    @property
    def field(self) -> str:
        """The place as a person writes it: `stages[1].outputs[2].pattern`, counted from 1."""
        return written(self.location)

    def __str__(self) -> str:
        """Give the place and what is wrong there."""
        return f"{self.field} {self.sentence}" if self.location else self.sentence

    def on_line(self, line: int | None) -> "FieldError":
        """Say on which line of a file it is."""
        return replace(self, line=line)


def written(location: Location) -> str:
    """Write a location with its list entries counted from 1, as stages are."""
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def of(error: ValidationError, model: type[BaseModel] | None = None) -> list[FieldError]:
    """Turn a validation error into a sentence per field; with the model, misspelt fields get a suggestion."""
    return of_details(error.errors(include_url=False), model)


def of_details(details: Iterable[ErrorDetails], model: type[BaseModel] | None = None) -> list[FieldError]:
    """Do as `of`, for errors that something else than a model has collected."""
    return [_sentence(detail, model) for detail in details]


def _sentence(detail: ErrorDetails, model: type[BaseModel] | None) -> FieldError:
    location: Location = tuple(part for part in detail["loc"] if part != "[key]")
    if detail["type"] == "extra_forbidden":
        return FieldError(location, _unknown_field(location, model))
    if detail["type"] == "value_error":
        return FieldError(location, _own_words(detail, location))
    if detail["type"] == "string_pattern_mismatch":
        return FieldError(location, _pattern(location, detail["msg"]))
    words = _WORDS.get(detail["type"])
    return FieldError(location, words.format(**_limits(detail)) if words else f"is not valid: {detail['msg']}")


def _limits(detail: ErrorDetails) -> dict[str, Any]:
    """Give the limits that were overstepped, whole numbers without a fraction."""
    limits = detail.get("ctx", {})
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in limits.items()
    }


def _own_words(detail: ErrorDetails, location: Location) -> str:
    """Put the sentence of one of our own validators, which is whole, after the place."""
    sentence = str(detail.get("ctx", {}).get("error", detail["msg"]))
    return f"is not valid: {sentence}" if location else sentence


def _pattern(location: Location, message: str) -> str:
    for part in reversed(location):
        if part in _PATTERNS:
            return _PATTERNS[str(part)]
    return f"is not valid: {message}"


def _unknown_field(location: Location, model: type[BaseModel] | None) -> str:
    known = sorted(_fields_at(location[:-1], model)) if model else []
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    if close:
        return f"is not a known field: did you mean {close[0]!r}?"
    return f"is not a known field: known are {', '.join(known)}" if known else "is not a known field"


def _fields_at(location: Location, model: type[BaseModel]) -> Iterator[str]:
    """Yield the names of the fields that the model has at that place."""
    for part in location:
        if isinstance(part, str):
            inner = _model_within(model.model_fields[part].annotation) if part in model.model_fields else None
            if inner is None:
                return
            model = inner
    yield from model.model_fields


def _model_within(annotation: Any) -> type[BaseModel] | None:
    """Find the model in `Model`, `list[Model]`, `Model | None` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_within(inner)
        if found:
            return found
    return None

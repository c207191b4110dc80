"""Secrets are in no representation, and so in no traceback and no log that shows one."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from pydantic import BaseModel

PACKAGES = ("engine", "justin", "localgrid", "models")
WORDS = {"database_server", "database_url", "maintenance_url", "password", "secret", "token"}


def shapes() -> Iterator[type]:
    """Every dataclass and model that our modules define."""
    for module in _modules():
        for thing in vars(module).values():
            own = isinstance(thing, type) and thing.__module__ == module.__name__
            if own and (dataclasses.is_dataclass(thing) or issubclass(thing, BaseModel)):
                yield thing


def _modules() -> Iterator[ModuleType]:
    for package in map(importlib.import_module, PACKAGES):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__") and ".migrations" not in found.name:
                yield importlib.import_module(found.name)


def shown_fields(shape: type) -> Iterator[tuple[str, Any]]:
    """The fields that its representation tells, with their types."""
    if issubclass(shape, BaseModel):
        yield from ((name, each.annotation) for name, each in shape.model_fields.items() if each.repr)
    elif dataclasses.is_dataclass(shape):
        yield from ((each.name, each.type) for each in dataclasses.fields(shape) if each.repr)


def is_secret(name: str, kind: object) -> bool:
    return kind in {str, "str"} and (name in WORDS or name.endswith(("_secret", "_password", "_token")))


def test_representations_show_no_secret() -> None:
    named = [(shape, name) for shape in shapes() for name, kind in shown_fields(shape) if is_secret(name, kind)]
    assert [f"{shape.__module__}.{shape.__name__}.{name}" for shape, name in named] == []

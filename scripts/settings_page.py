"""Makes docs/operator/settings.md from the settings themselves; `python -m scripts.settings_page` writes it anew."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, TypeAdapter
from pydantic.fields import FieldInfo

from engine.settings import Settings

PAGE = Path(__file__).parents[1] / "docs/operator/settings.md"

HEAD = """# Settings

Every setting of the server, with its default. A setting is given by its environment variable, or in the TOML file that
`JUSTIN_SETTINGS` names, where `JUSTIN_DATABASE__URL` is `url` in the table `[database]`; the environment wins.
Passwords are read from files.

This page is made from `engine/settings.py` by `python -m scripts.settings_page`.
"""

TABLE_HEAD = "| variable | default | what it is |\n|---|---|---|"


def page() -> str:
    """Write the whole page."""
    return "\n".join([HEAD, *_general(), *_sections()])


def _general() -> Iterator[str]:
    yield f"## General\n\n{TABLE_HEAD}"
    for name, field in Settings.model_fields.items():
        if not _is_section(field):
            yield _row(f"JUSTIN_{name.upper()}", field, _comments(Settings).get(name, ""))
    yield ""


def _sections() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            continue
        comments = _comments(section)
        yield f"## {name.replace('_', ' ').capitalize()}\n\n{inspect.getdoc(section)}\n\n{TABLE_HEAD}"
        for setting, inner in section.model_fields.items():
            yield _row(f"JUSTIN_{name.upper()}__{setting.upper()}", inner, comments.get(setting, ""))
        yield ""


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _row(variable: str, field: FieldInfo, comment: str) -> str:
    choices = [choice for choice in get_args(field.annotation) if isinstance(choice, str)]
    one_of = " One of: " + ", ".join(f"`{choice}`" for choice in choices) + "." if choices else ""
    return f"| `{variable}` | {_default(field)} | {(comment + one_of).strip()} |"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    told = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(told, list | dict):
        # As it is written in the environment.
        told = TypeAdapter(Any).dump_json(told, exclude_defaults=True).decode()
    return f"`{told}`" if told is not None and told != "" else ""


def _comments(model: type[BaseModel]) -> dict[str, str]:
    """Read the strings that stand below the fields of a model."""
    found = re.findall(r"^    (\w+): [^\n]*\n    \"\"\"(.+?)\"\"\"", inspect.getsource(model), re.MULTILINE | re.DOTALL)
    return {name: re.sub(r"\s+", " ", text) for name, text in found}


if __name__ == "__main__":
    PAGE.write_text(page())

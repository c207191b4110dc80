"""Where the server is: an argument, `$JUSTIN_URL`, or the file `~/.config/justin.toml`, in this order.

The file names a default and, under `[instances.NAME]`, others that `--instance NAME` picks:

    url = "https://justin.example.org"

    [instances.integration]
    url = "https://justin-integration.example.org"
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from justin.errors import BadConfiguration
from justin.schemas import sentences

DEFAULT_URL = "http://127.0.0.1:8085"


def _address(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError(f"write the server's address as http://HOST or https://HOST, not {value!r}")
    return value.rstrip("/")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(min_length=1)] | None = None

    @field_validator("url")
    @classmethod
    def _url_is_an_address(cls, value: str | None, _info: ValidationInfo) -> str | None:
        return value and _address(value)


class _File(_Entry):
    instance: str = ""
    instances: dict[str, _Entry] = {}


@dataclass(frozen=True, slots=True)
class Configuration:
    """Which server to talk to."""

    url: str
    instance: str = ""


def path() -> Path:
    """Say where the configuration file is looked for."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "justin.toml"


def load(url: str = "", instance: str = "") -> Configuration:
    """Find the server's address; raises BadConfiguration.

    An instance that is asked for by name comes before `$JUSTIN_URL`, because it was typed later.
    """
    if url:
        return Configuration(_checked(url), instance)
    if instance:
        return _named(_read(path()), instance)
    if from_environment := os.environ.get("JUSTIN_URL", ""):
        return Configuration(_checked(from_environment))
    file = _read(path())
    return _named(file, file.instance) if file.instance else Configuration(file.url or DEFAULT_URL)


def _checked(url: str) -> str:
    try:
        return _address(url)
    except ValueError as error:
        raise BadConfiguration(str(error)) from None


def _named(file: _File, instance: str) -> Configuration:
    entry = file.instances.get(instance)
    if entry is None or entry.url is None:
        known = ", ".join(sorted(file.instances)) or "none"
        raise BadConfiguration(
            f"{path()} gives no address of an instance {instance!r} (known: {known}): add a section "
            f'[instances.{instance}] with url = "https://…", or give --url'
        )
    return Configuration(entry.url, instance)


def _read(file: Path) -> _File:
    try:
        return _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return _File()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadConfiguration(f"{file} cannot be read: {error}") from error
    except ValidationError as error:
        wrong = "; ".join(str(each) for each in sentences.of(error, _File))
        raise BadConfiguration(f"{file}: {wrong}") from error

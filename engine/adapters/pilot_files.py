"""The files of a pilot factory's configuration: entries in XML and YAML, brought into one shape."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import yaml

COMMON: Final = "common_entry_fields"
LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Leaves every value the text that it is, as XML does, and makes no other objects."""


class Malformed(Exception):
    """A file, or a part of one, is not what it should be."""


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry as a file has it: every value as it is written there."""

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Such as `enabled` and `gatekeeper`."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    submit_attributes: Mapping[str, Any] = field(default_factory=dict)
    added: Mapping[str, Any] = field(default_factory=dict)
    """Attributes of which the file has only what is to be added to a value that it does not have."""


def read(path: Path) -> Iterator[RawEntry | Malformed]:
    """Yield the entries of a file, and what is wrong with some of them.

    Raises `Malformed` where the file cannot be read on.
    """
    try:
        yield from _read_xml(path) if path.suffix == ".xml" else _read_yaml(path)
    except (OSError, UnicodeDecodeError, ET.ParseError, yaml.YAMLError) as error:
        raise Malformed(" ".join(str(error).split())) from error


def _read_xml(path: Path) -> Iterator[RawEntry | Malformed]:
    # Expat refuses entities that grow without bounds, and reads no other file.
    for _, element in ET.iterparse(path):  # noqa: S314
        if element.tag == "entry":
            yield _xml_entry(element)
            element.clear()


def _xml_entry(element: ET.Element) -> RawEntry | Malformed:
    if not element.get("name"):
        return Malformed(f"an entry has no name: {dict(element.attrib)}")
    return RawEntry(
        name=element.attrib["name"],
        fields={name: value for name, value in element.attrib.items() if name != "name"},
        attributes=_xml_values(element.iterfind("attrs/attr")),
        submit_attributes=_xml_values(element.iterfind("config/submit/submit_attrs/submit_attr")),
    )


def _xml_values(elements: Iterator[ET.Element]) -> dict[str, str]:
    return {element.get("name", ""): element.get("value", "") for element in elements}


def _read_yaml(path: Path) -> Iterator[RawEntry | Malformed]:
    with path.open("rb") as file:
        document = yaml.load(file, LOADER)  # noqa: S506  it makes text, lists and mappings only
    for resource, gatekeepers in _mapping(document, "the file").items():
        yield from _guarded(_resource, str(resource), gatekeepers)


def _resource(name: str, gatekeepers: object) -> Iterator[RawEntry | Malformed]:
    parts = dict(_mapping(gatekeepers, name))
    common = _mapping(parts.pop(COMMON, None), f"{COMMON} of {name}")
    for gatekeeper, sections in parts.items():
        yield from _guarded(_gatekeeper, str(gatekeeper), sections, common)


def _gatekeeper(name: str, sections: object, common: Mapping[str, Any]) -> Iterator[RawEntry | Malformed]:
    for section, entries in _mapping(sections, name).items():
        yield from _guarded(_section, f"{section} of {name}", entries, common, name)


def _section(name: str, entries: object, common: Mapping[str, Any], gatekeeper: str) -> Iterator[RawEntry | Malformed]:
    for entry, own in _mapping(entries, name).items():
        yield from _guarded(_yaml_entry, str(entry), own, common, gatekeeper)


def _yaml_entry(name: str, own: object, common: Mapping[str, Any], gatekeeper: str) -> Iterator[RawEntry | Malformed]:
    merged = _merged(common, _mapping(own, name))
    attributes, added = _yaml_attributes(name, merged.pop("attrs", None))
    submit_attributes = dict(_mapping(merged.pop("submit_attrs", None), f"submit_attrs of {name}"))
    yield RawEntry(name, {"gatekeeper": gatekeeper, **merged}, attributes, submit_attributes, added)


def _yaml_attributes(entry: str, document: object) -> tuple[dict[str, Any], dict[str, Any]]:
    values: dict[str, Any] = {}
    added: dict[str, Any] = {}
    for name, about in _mapping(document, f"attrs of {entry}").items():
        given = _mapping(about, f"{name} of {entry}")
        if "value" in given:
            extra = f",{given['append_value']}" if "append_value" in given else ""
            values[name] = f"{given['value']}{extra}" if extra else given["value"]
        elif "append_value" in given:
            added[name] = given["append_value"]
    return values, added


def _merged(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of both; where both have a mapping, its parts are merged alike."""
    both = {**common, **own}
    for name in common.keys() & own.keys():
        if isinstance(common[name], Mapping) and isinstance(own[name], Mapping):
            both[name] = _merged(common[name], own[name])
    return both


def _mapping(value: object, of: str) -> Mapping[Any, Any]:
    """Return a mapping; nothing at all stands for an empty one."""
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise Malformed(f"{of} is {type(value).__name__}, not a mapping")
    return value


def _guarded(read_part: Any, *arguments: object) -> Iterator[RawEntry | Malformed]:
    """Yield what a part of a file has; a part that is malformed does not hide the others."""
    try:
        yield from read_part(*arguments)
    except Malformed as error:
        yield error

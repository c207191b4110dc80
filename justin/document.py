"""A workflow in a YAML file, read so that every mistake is told with its line."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from justin.errors import BadDocument
from justin.schemas import sentences
from justin.schemas.sentences import FieldError, Location
from justin.schemas.specs import MAX_JOBSCRIPT_BYTES, WorkflowSpec

MAX_DOCUMENT_BYTES = 64 << 20

Document = TypeVar("Document", bound=BaseModel)

JOBSCRIPT_FILE = "jobscript_file"
"""The one field that a file has beyond those of a StageSpec."""


@dataclass(slots=True)
class _Document:
    """What the file says, and on which line it says each thing."""

    path: Path
    lines: dict[Location, int] = field(default_factory=dict)
    errors: list[FieldError] = field(default_factory=list)

    def wrong(self, location: Location, sentence: str) -> None:
        self.errors.append(FieldError(location, sentence, self.line(location)))

    def line(self, location: Location) -> int | None:
        """Find the line of the place, or of the nearest one around it."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.lines:
                return self.lines[location[:length]]
        return None

    def check(self) -> None:
        if self.errors:
            raise BadDocument(sorted(self.errors, key=lambda error: error.line or 0), str(self.path))


def load_workflow(path: str | Path) -> WorkflowSpec:
    """Read a workflow file; a stage's `jobscript_file` is a path relative to it. Raises BadDocument."""
    document = _Document(Path(path))
    data = _parsed(document)
    if not isinstance(data, dict):
        raise BadDocument([FieldError((), "the file must hold names with values, such as 'mql: …'", 1)], str(path))
    _fetch_jobscripts(document, data)
    try:
        spec = WorkflowSpec.model_validate(data)
    except ValidationError as error:
        document.errors += [each.on_line(document.line(each.location)) for each in sentences.of(error, WorkflowSpec)]
    document.check()
    return spec


def workflow_text(spec: WorkflowSpec) -> str:
    """Return the workflow file that makes a workflow, with its jobscripts in it."""
    said = spec.model_dump(mode="json", exclude_defaults=True)
    return yaml.dump(said, Dumper=_ReadableDumper, sort_keys=False, allow_unicode=True, width=120)


class _ReadableDumper(yaml.SafeDumper):
    """Writes texts of several lines as such."""


_ReadableDumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def load_document(path: str | Path, kind: type[Document]) -> Document:
    """Read a file that holds one message of a kind. Raises BadDocument."""
    document = _Document(Path(path))
    data = _parsed(document)
    document.check()
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        document.errors += [each.on_line(document.line(each.location)) for each in sentences.of(error, kind)]
    document.check()
    raise AssertionError  # a validation error has sentences


def _parsed(document: _Document) -> Any:
    try:
        with document.path.open("rb") as file:
            content = file.read(MAX_DOCUMENT_BYTES + 1)
        if len(content) > MAX_DOCUMENT_BYTES:
            raise BadDocument(
                [FieldError((), f"the file is larger than {MAX_DOCUMENT_BYTES} bytes")], str(document.path)
            )
        loader = yaml.SafeLoader(content)
        node = loader.get_single_node()
        if node is None:
            return None
        _note_lines(document, node, (), ())
        return loader.construct_document(node)
    except OSError as error:
        raise BadDocument([FieldError((), f"cannot be read: {error.strerror}")], str(document.path)) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        sentence = f"not valid YAML: {error.problem}"
        raise BadDocument([FieldError((), sentence, mark.line + 1 if mark else None)], str(document.path)) from error
    except yaml.YAMLError as error:
        raise BadDocument([FieldError((), f"not valid YAML: {error}")], str(document.path)) from error


def _note_lines(document: _Document, node: yaml.Node, location: Location, around: tuple[yaml.Node, ...]) -> None:
    """Note the line of every place; names that are given twice, which YAML allows, are wrong here."""
    document.lines.setdefault(location, node.start_mark.line + 1)
    if node in around:
        raise BadDocument([FieldError(location, "refers to itself", document.line(location))], str(document.path))
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            place = (*location, str(name.value))
            if place in document.lines:
                document.errors.append(FieldError(place, "is given twice", name.start_mark.line + 1))
            document.lines[place] = name.start_mark.line + 1
            _note_lines(document, value, place, (*around, node))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(document, value, (*location, index), (*around, node))


def _fetch_jobscripts(document: _Document, data: dict[str, Any]) -> None:
    """Put the text of each `jobscript_file` in its place."""
    stages = data.get("stages")
    for index, stage in enumerate(stages if isinstance(stages, list) else []):
        if isinstance(stage, dict) and JOBSCRIPT_FILE in stage:
            name = stage.pop(JOBSCRIPT_FILE)
            place: Location = ("stages", index, JOBSCRIPT_FILE)
            if not isinstance(name, str):
                document.wrong(place, "must be text: the path of the jobscript, relative to this file")
            elif stage.get("jobscript") or stage.get("jobscript_git"):
                document.wrong(place, "cannot be given beside jobscript or jobscript_git")
            else:
                stage["jobscript"] = _jobscript(document, place, document.path.parent / name)


def _jobscript(document: _Document, place: Location, path: Path) -> str:
    """Read a jobscript; what is wrong with it is noted, and a stand-in given so that the rest can be checked too."""
    try:
        return read_jobscript(path)
    except BadDocument as error:
        document.wrong(place, str(error.errors[0]))
        return "#!"


def read_jobscript(path: Path) -> str:
    """Read a jobscript's text; raises BadDocument with a sentence that names the file."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_JOBSCRIPT_BYTES + 1)
        if len(content) > MAX_JOBSCRIPT_BYTES:
            raise BadDocument(
                [FieldError((), f"{path} is larger than {MAX_JOBSCRIPT_BYTES} bytes: put data elsewhere")]
            )
        return content.decode()
    except OSError as error:
        raise BadDocument([FieldError((), f"{path} cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise BadDocument([FieldError((), f"{path} is not a text file in UTF-8")]) from error

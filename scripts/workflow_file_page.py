"""Makes docs/user/reference/workflow-file.md from the models; `python -m scripts.workflow_file_page` writes it."""

import ast
import inspect
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from justin.document import JOBSCRIPT_FILE
from justin.schemas.specs import GpuSpec, OutputSpec, RepositorySpec, StageSpec, WorkflowSpec

PAGE = Path(__file__).parents[1] / "docs/user/reference/workflow-file.md"

HEAD = """# The workflow file

`justin submit workflow.yaml` makes a whole workflow from one YAML file and submits it; with `--check` it only checks
the file. Mistakes are told with the line and the field, all at once, and nothing is sent while there is one. Stages and
outputs are counted from 1, as in `stages[2].outputs[1].pattern`.

```yaml
name: collisions
mql: files from usertests:raw where beam.energy > 6
stages:
  - jobscript_file: reconstruct.sh          # beside this file
    rss_mib: 4000
    environment: {GEOMETRY: "v3", LIMIT: "1000"}
    outputs:
      - {pattern: "*_reco.root", for_next_stage: true, lifetime_days: 7}
  - jobscript_file: merge.sh
    outputs:
      - {pattern: "*_merged.root", destination: collisions, lifetime_days: 365}
```

Text that looks like something else (`1000`, `yes`, `1.0`) needs quotes. A stage says its jobscript in one of three
ways: `jobscript_file`, `jobscript` or `jobscript_git`.

This page is made from `justin/schemas/specs.py` by `python -m scripts.workflow_file_page`.
"""

TABLE_HEAD = "| field | value | default | what it is |\n|---|---|---|---|"

_TITLES: dict[type[BaseModel], str] = {
    WorkflowSpec: "The workflow",
    StageSpec: "A stage",
    OutputSpec: "An output",
    GpuSpec: "GPUs",
    RepositorySpec: "A git repository",
}
_BY_NAME = {model.__name__: title for model, title in _TITLES.items()}


def page() -> str:
    """Write the whole page."""
    return "\n".join([HEAD, *(_section(model, title) for model, title in _TITLES.items())])


def _section(model: type[BaseModel], title: str) -> str:
    return "\n".join([f"## {title}\n\n{inspect.getdoc(model)}\n\n{TABLE_HEAD}", *_rows(model), ""])


def _rows(model: type[BaseModel]) -> Iterator[str]:
    schema, told = model.model_json_schema(), descriptions(model)
    if model is StageSpec:
        yield f"| `{JOBSCRIPT_FILE}` | text |  | A file with the jobscript; its path is relative to this file. |"
    for name, field in schema["properties"].items():
        default = "required" if name in schema.get("required", []) else _default(field.get("default"))
        yield f"| `{name}` | {_value(field)} | {default} | {told.get(name, '')} |"


def _default(value: Any) -> str:
    return "" if value in (None, "", [], {}) else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _value(schema: dict[str, Any]) -> str:
    """Say in words what a field may hold."""
    if "$ref" in schema:
        title = _BY_NAME[schema["$ref"].rpartition("/")[2]]
        return f"[{title}](#{title.lower().replace(' ', '-')})"
    if "anyOf" in schema:
        return _value(_plainest([each for each in schema["anyOf"] if each.get("type") != "null"]))
    if schema.get("type") == "array":
        return f"list of: {_value(schema['items'])}"
    if schema.get("type") == "object":
        return "names with texts"
    if schema.get("type") in {"integer", "number"}:
        return _number(schema)
    return {"boolean": "true or false"}.get(schema["type"], "date and time" if "format" in schema else "text")


def _plainest(choices: list[dict[str, Any]]) -> dict[str, Any]:
    """Choose the number where a number may also be written as text."""
    return next((each for each in choices if each.get("type") == "number"), choices[0])


def _number(schema: dict[str, Any]) -> str:
    least = f", at least {schema['minimum']:,.0f}" if "minimum" in schema else ""
    above = f", more than {schema['exclusiveMinimum']:,.0f}" if "exclusiveMinimum" in schema else ""
    most = f", at most {schema['maximum']:,.0f}" if schema.get("maximum", 2**31) < 2**31 - 1 else ""
    return f"{'whole number' if schema['type'] == 'integer' else 'number'}{least}{above}{most}"


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Read the strings that stand below the fields of a model."""
    (definition,) = ast.parse(inspect.getsource(model)).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    found = {}
    for field, text in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            found[field.target.id] = re.sub(r"\s+", " ", str(ast.literal_eval(text.value)))
    return found


if __name__ == "__main__":
    PAGE.write_text(page())

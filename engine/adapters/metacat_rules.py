"""MetaCat's categories of metadata, by which its administrators say what may stand under which names.

As the server judges, but before the file is there: a category covers what is below it unless a deeper one does.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from metacat.util import validate_metadata

ROOT: Final = "."

Category = Mapping[str, Any]


def problems(metadata: Mapping[str, Any], categories: Sequence[Category]) -> list[str]:
    """Say what the categories forbid of a file's metadata, or miss in it."""
    by_path = {str(category["path"]): category for category in categories}
    return [*_missing(metadata, categories), *_forbidden(metadata, by_path)]


def _missing(metadata: Mapping[str, Any], categories: Sequence[Category]) -> Iterator[str]:
    for category in categories:
        if category.get("required"):
            for name, definition in (category.get("definitions") or {}).items():
                key = f"{category['path']}.{name}"
                if definition.get("required") and key not in metadata:
                    yield f"MetaCat requires the key {key!r}"


def _forbidden(metadata: Mapping[str, Any], by_path: Mapping[str, Category]) -> Iterator[str]:
    for key, value in metadata.items():
        path, _, name = key.rpartition(".")
        category = _covering(path, by_path)
        if category is None:
            continue
        for _, reason in validate_metadata(
            category.get("definitions") or {}, category.get("restricted", False), name=name, value=value
        ):
            yield f"the key {key!r} is against MetaCat's category {category['path']!r}: {reason}"


def _covering(path: str, by_path: Mapping[str, Category]) -> Category | None:
    words = [word for word in path.split(".") if word]
    deepest_first = (".".join(words[:length]) for length in range(len(words), 0, -1))
    return next((by_path[each] for each in deepest_first if each in by_path), by_path.get(ROOT))

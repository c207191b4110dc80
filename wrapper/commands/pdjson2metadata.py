#!/usr/bin/env python3
"""pdjson2metadata FILE.json [DIDS] [NAMESPACE]: print a file's metadata in MetaCat's form.

FILE.json is in the form of SAM and the ProtoDUNE data acquisition. DIDS is a file of DIDs, one per line, that gives
parents their namespaces (all-input-dids.txt where there is one); other parents are of NAMESPACE ($JUSTIN_SCOPE).
"""

import json
import os
import sys
from typing import Any, Dict, List, Tuple

RENAMED = {"events": "core.events", "first_event": "core.first_event_number", "last_event": "core.last_event_number"}
"""The other plain keys only get `core.` before them."""
APPLICATION = {
    "family": "core.application.family",
    "name": "core.application.name",
    "version": "core.application.version",
}
NATIVE = (
    "file_name",
    "file_size",
    "checksum",
    "crc",
    "file_id",
    "create_date",
    "update_date",
    "user",
    "runs",
    "parents",
)
"""What the catalogue knows of every file by itself, or what is treated apart."""
SUBRUNS_PER_RUN = 100000


def converted(old: Dict[str, Any], namespaces: Dict[str, str], namespace: str) -> Dict[str, Any]:
    """Return the new form of one file's metadata."""
    new: Dict[str, Any] = {"metadata": dict(runs(old.get("runs") or []), **attributes(old))}
    parents = [parent_did(parent, namespaces, namespace) for parent in old.get("parents") or []]
    if parents:
        new["parents"] = [{"did": did} for did in parents]
    return new


def attributes(old: Dict[str, Any]) -> Dict[str, Any]:
    """Rename the plain attributes; what already has a category keeps it, in lower case as MetaCat has them."""
    found: Dict[str, Any] = {}
    for name, value in old.items():
        if name == "application" and isinstance(value, dict):
            found.update((APPLICATION[key], value[key]) for key in APPLICATION if key in value)
        elif "." in name:
            category, _, rest = name.partition(".")
            found[category.lower() + "." + rest] = value
        elif name not in NATIVE:
            found[RENAMED.get(name, "core." + name)] = value
    return found


def runs(told: List[Any]) -> Dict[str, Any]:
    """Split the [run, subrun, type] triples (or [run, type] pairs) into MetaCat's attributes."""
    if not told:
        return {}
    numbers = sorted({int(entry[0]) for entry in told})
    subruns = sorted({int(entry[0]) * SUBRUNS_PER_RUN + int(entry[1]) for entry in told if _has_subrun(entry)})
    found: Dict[str, Any] = {"core.runs": numbers, "core.run_type": str(told[-1][-1])}
    if subruns:
        found["core.runs_subruns"] = subruns
    return found


def _has_subrun(entry: List[Any]) -> bool:
    return len(entry) == len(("run", "subrun", "type"))


def parent_did(parent: Any, namespaces: Dict[str, str], namespace: str) -> str:
    """Return the DID of a parent, which older files name without its namespace."""
    name = (
        str(parent.get("file_name") or parent.get("did") or parent.get("name"))
        if isinstance(parent, dict)
        else str(parent)
    )
    if ":" in name:
        return name
    return namespaces.get(name, namespace) + ":" + name


def arguments(words: List[str]) -> Tuple[str, str, str]:
    """Tell the file of DIDs from the namespace by whether it is there."""
    dids = next((word for word in words[1:] if os.path.isfile(word)), "all-input-dids.txt")
    namespace = next((word for word in words[1:] if not os.path.isfile(word)), os.environ.get("JUSTIN_SCOPE", ""))
    return words[0], dids, namespace


def read_namespaces(path: str) -> Dict[str, str]:
    """Return the namespace of each name in a file of DIDs; the file need not be there."""
    if not os.path.isfile(path):
        return {}
    with open(path, encoding="utf-8") as lines:
        pairs = [line.strip().split(":", 1) for line in lines if ":" in line]
    return {name: namespace for namespace, name in pairs}


def main() -> int:
    """Convert one file."""
    words = sys.argv[1:]
    if not words or words[0].startswith("-"):
        sys.stderr.write(__doc__ or "")
        return 2
    path, dids, namespace = arguments(words)
    try:
        with open(path, encoding="utf-8") as file:
            new = converted(json.load(file), read_namespaces(dids), namespace)
    except (OSError, ValueError, TypeError, AttributeError, IndexError) as error:
        sys.stderr.write("pdjson2metadata: {} cannot be converted: {}\n".format(path, error))
        return 1
    json.dump(new, sys.stdout, indent=2, sort_keys=True)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

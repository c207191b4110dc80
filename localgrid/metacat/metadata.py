"""What makes metadata and checksums acceptable."""

import re
from collections.abc import Mapping
from typing import Any

from localgrid.metacat.errors import BadRequestError
from localgrid.metacat.requests import Json

CHECKSUM_LENGTHS = {"adler32": 8, "md5": 32, "sha256": 64}


def names_without_category(metadata: Mapping[str, Any]) -> list[str]:
    """Return a complaint for each name without the dot that separates its category."""
    return [f"Metadata parameter without a category: {name}" for name in metadata if "." not in name]


def check_categories(metadata: Mapping[str, Any]) -> None:
    """Raise when a name has no category."""
    for complaint in names_without_category(metadata):
        raise BadRequestError(complaint)


def checksum_errors(checksums: Mapping[str, str] | None) -> list[Json]:
    """Return what is wrong with each checksum."""
    errors: list[Json] = []
    for kind, value in (checksums or {}).items():
        length = CHECKSUM_LENGTHS.get(kind.lower(), len(value))
        if len(value) != length:
            reason = f"value is wrong length {len(value)} should be {length}"
        elif re.search("[^0-9a-f]", value):
            reason = "contains an invalid digit"
        else:
            continue
        errors.append({"name": f"checksum {kind}", "value": value, "reason": reason})
    return errors
